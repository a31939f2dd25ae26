// Runs in the page: texts whose contrast to what lies behind them is below WCAG AA.
export function contrastFaults() {
    const parse = (colour) => {
        const parts = colour.match(/[\d.]+/g).map(Number);
        return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
    };
    const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
            const { rgb, alpha } = parse(getComputedStyle(one).backgroundColor);
            if (alpha === 1) return rgb;
        }
        return [255, 255, 255];
    };
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faults = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (
            !node.textContent.trim() ||
            !element.checkVisibility() ||
            element.closest("script, noscript, .skip, .hidden")
        )
            continue;
        const style = getComputedStyle(element);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        const [a, b] = [luminance(parse(style.color).rgb), luminance(behind(element))].sort(
            (x, y) => y - x,
        );
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (large ? 3 : 4.5))
            faults.push(
                `"${node.textContent.trim().slice(0, 30)}" ${element.className || element.tagName} ${ratio.toFixed(2)}`,
            );
    }
    return faults;
}
