"""Says which errors and lost blocks of a valgrind log have libperpcore in their stack.

usage: valgrind.py LOG.xml     the last line is "N passed, N failed"
"""
import sys
import xml.etree.ElementTree as tree


def main():
    ours, others = [], 0
    root = tree.parse(sys.argv[1]).getroot()
    if root.find("status[state='FINISHED']") is None:
        print("the log has no end")
        return 1
    for error in root.iter("error"):
        frames = [(f.findtext("fn") or "?", f.findtext("obj") or "") for f in error.iter("frame")]
        if any("libperpcore" in obj for _, obj in frames):
            what = error.findtext("what") or error.findtext("xwhat/text")
            ours.append((error.findtext("kind"), what, frames))
        else:
            others += 1
    for kind, what, frames in ours:
        print(f"{kind}: {what}")
        for function, obj in frames[:20]:
            print(f"    {function} ({obj.rsplit('/', 1)[-1]})")
    if others:
        print(f"{others} errors of the interpreter's own")
    print(f"1 passed, {len(ours)} failed" if not ours else f"0 passed, {len(ours)} failed")
    return 1 if ours else 0


sys.exit(main())
