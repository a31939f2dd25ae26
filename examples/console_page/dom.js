// Building and updating elements. Data only ever becomes text, never markup.

export const $ = (id) => document.getElementById(id);

// Texts come from outside, too. What would not be seen, or would turn the direction of what stands
// beside it, is shown as a replacement, or one name could look like another.
const hidden =
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e00ff}]/gu;
export const plain = (value) => String(value).replace(hidden, "\ufffd");
// What an attribute holds for programs stays as it is.
const seen = new Set(["aria-label", "title", "placeholder"]);
const held = (name, value) => (seen.has(name) ? plain(value) : String(value));

export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name === "onclick") element.addEventListener("click", value);
        else if (value === true) element.setAttribute(name, "");
        else if (value !== false && value !== null && value !== undefined)
            element.setAttribute(name, held(name, value));
    }
    for (const child of children)
        if (child !== null && child !== undefined)
            element.append(child instanceof Node ? child : plain(child));
    return element;
}

// Writing only what changed keeps selections, focus and screen readers undisturbed.
export function text(element, value) {
    const wanted = plain(value);
    if (element.textContent !== wanted) element.textContent = wanted;
}

export function attribute(element, name, value) {
    if (value === null || value === undefined || value === false) {
        if (element.hasAttribute(name)) element.removeAttribute(name);
    } else if (element.getAttribute(name) !== held(name, value)) {
        element.setAttribute(name, held(name, value));
    }
}

export function show(element, shown) {
    if (element.hidden === shown) element.hidden = !shown;
}

// Makes the children of a list those of `items`, keeping the element of each key, so that what is
// opened or focused stays so.
export function keyed(list, items, keyOf, create, update) {
    const old = new Map();
    for (const child of [...list.children]) old.set(child.dataset.key, child);
    let place = list.firstElementChild;
    for (const item of items) {
        const key = String(keyOf(item));
        let child = old.get(key);
        if (child) old.delete(key);
        else {
            child = create(item);
            child.dataset.key = key;
        }
        if (child === place) place = place.nextElementSibling;
        else list.insertBefore(child, place);
        update(child, item);
    }
    for (const child of old.values()) child.remove();
}

export function bar(label) {
    const fill = h("span", { class: "bar-used" });
    const flight = h("span", { class: "bar-flight" });
    const mark = h("span", { class: "bar-mark" });
    const element = h(
        "span",
        { class: "bar", role: "meter", "aria-label": label },
        fill,
        flight,
        mark,
    );
    element.parts = { fill, flight, mark };
    return element;
}

// The limit is marked a little before the end, so that going over it can be seen; `room` is what
// the bar has beyond it.
export function setBar(element, used, flight, limit, spoken, room = 0.08) {
    const total = used + flight;
    const scale = Math.max(limit * (1 + room), total * (1 + room / 4)) || 1;
    const share = (part) => `${Math.min(100, (Math.max(0, part) / scale) * 100).toFixed(2)}%`;
    element.parts.fill.style.width = share(used);
    element.parts.flight.style.left = share(used);
    element.parts.flight.style.width = share(flight);
    element.parts.mark.style.left = share(limit);
    element.parts.mark.hidden = !(limit > 0);
    attribute(element, "data-level", level(total, limit));
    attribute(element, "aria-valuemin", 0);
    attribute(element, "aria-valuemax", Math.max(limit, total));
    attribute(element, "aria-valuenow", total);
    attribute(element, "aria-valuetext", spoken);
}

function level(total, limit) {
    if (total > limit) return "over";
    if (limit > 0 && total >= limit * 0.8) return "high";
    return "normal";
}
