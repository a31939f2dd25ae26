"""Finds what can be changed in a C file, and writes the file anew with every change behind a switch.

clang's own tree of the file says what is an expression, so that every change compiles. A place that
can be changed is written as

    (PERP_PLACE(first, count) ? (the changed one, by perp_mutant) : (as it was))

so that one build has all mutants, and `perp_mutant` says which of them is in force.
"""
import dataclasses
import json
import re
import subprocess

RELATIONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
}
ARITHMETIC = {
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
    "^": "&",
}
# Not looked into: what must be a constant, or is never evaluated.
CONSTANT = {
    "ConstantExpr", "UnaryExprOrTypeTraitExpr", "OffsetOfExpr", "StaticAssertDecl", "RecordDecl",
    "EnumDecl", "TypedefDecl",
}
SWAPPED = {"perp_min": "perp_max", "perp_max": "perp_min", "fmin": "fmax", "fmax": "fmin"}
# What a caller says must always hold: no test can break it, so its conditions are left as they are.
INVARIANT = re.compile(rb"PERP_HOLDS\b")


@dataclasses.dataclass
class Mutant:
    file: str
    function: str
    line: int
    change: str
    text: str
    number: int = 0
    place: int = 0

    @property
    def name(self):
        return f"{self.file} {self.function}: {self.change}: {self.text}"

    @property
    def folder(self):
        return self.file.rsplit("/", 1)[0]


@dataclasses.dataclass
class Place:
    begin: int
    end: int
    depth: int
    mutants: list
    # How it is written: what is before and after the place, with {first}, {count} and {chosen}.
    changed: list
    form: str = "value"


def tree_of(path, flags):
    out = subprocess.run(["clang", *flags, "-w", "-fsyntax-only", "-Xclang", "-ast-dump=json", path],
                         check=True, capture_output=True)
    return json.loads(out.stdout)


class File:
    def __init__(self, path, flags):
        self.path = path
        with open(path, "rb") as file:
            self.source = file.read()
        self.places = []
        self.function = None
        self.at = None  # the file of the location that was printed last
        # Locations leave out the file where it is that of the one before, in the order of the dump;
        # what is in a header has none of this file.
        for node in tree_of(path, flags)["inner"]:
            first = node.get("loc", {})
            if "offset" in first and first.get("file", self.at) != path:
                self.at = None
                continue
            self.locate(node)
            if node.get("kind") == "FunctionDecl" and self.is_here(node):
                self.function = node["name"]
                for child in node.get("inner", []):
                    if child.get("kind") == "CompoundStmt":
                        self.visit(child, 0, [node])

    def locate(self, value):
        if isinstance(value, dict):
            if "offset" in value:
                self.at = value.get("file", self.at)
                value["file"] = self.at
            for child in value.values():
                if isinstance(child, (dict, list)):
                    self.locate(child)
        else:
            for child in value:
                if isinstance(child, (dict, list)):
                    self.locate(child)

    def is_here(self, node):
        begin = node["range"]["begin"]
        return begin.get("file") == self.path

    # Where a node stands in the text: (begin, end), or None where it can't be said, or must not be
    # changed. What is an argument of a macro stands where the argument does.
    def span(self, node):
        ends = node.get("range", {})
        begin, end = ends.get("begin", {}), ends.get("end", {})
        if not begin or not end:
            return None
        bodies = [loc for loc in (begin, end) if self.in_body(loc)]
        for loc in (begin, end):
            place = loc.get("expansionLoc")
            if place and place["file"] == self.path and INVARIANT.match(self.source, place["offset"]):
                return None
        if len(bodies) == 2 and (begin["expansionLoc"]["offset"] == end["expansionLoc"]["offset"]):
            # The whole of a macro that is one token, as `true`; what is inside another is not ours.
            if begin != end or self.after_name(begin["expansionLoc"]) == b"(":
                return None
        if len(bodies) == 1 and "expansionLoc" in begin and "expansionLoc" in end and \
                begin["expansionLoc"]["offset"] == end["expansionLoc"]["offset"]:
            return None
        first, last = self.spot(begin, False), self.spot(end, True)
        if first is None or last is None or first >= last:
            return None
        text = self.source[first:last]
        if re.search(rb"\n[ \t]*#", text):
            return None
        return first, last

    @staticmethod
    def in_body(loc):
        return "expansionLoc" in loc and not loc["expansionLoc"].get("isMacroArgExpansion")

    def after_name(self, loc):
        rest = self.source[loc["offset"] + loc["tokLen"]:]
        return rest.lstrip()[:1]

    def spot(self, loc, end):
        if "expansionLoc" in loc:
            body = self.in_body(loc)
            loc = loc["expansionLoc"] if body else loc["spellingLoc"]
            if loc.get("file") != self.path:
                return None
            if body and end and self.after_name(loc) == b"(":
                return self.closing(loc["offset"] + loc["tokLen"])
        if loc.get("file") != self.path:
            return None
        return loc["offset"] + (loc["tokLen"] if end else 0)

    def closing(self, at):
        depth = 0
        for i in range(at, len(self.source)):
            if self.source[i] == 0x28:
                depth += 1
            elif self.source[i] == 0x29:
                depth -= 1
                if not depth:
                    return i + 1
        return None

    def text(self, begin, end):
        text = self.source[begin:end].decode()
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        return re.sub(r"\s+", " ", text.replace("\\\n", " ")).strip()

    def put(self, span, depth, changes, form="value", shown=None):
        """changes: (what is said of it, its text)."""
        if not span or not changes:
            return
        line = self.source.count(b"\n", 0, span[0]) + 1
        said = self.text(*(shown or span))
        mutants = [Mutant(self.path, self.function, line, change, said) for change, _ in changes]
        self.places.append(Place(*span, depth, mutants, [text for _, text in changes], form))

    def visit(self, node, depth, parents):
        kind = node.get("kind")
        if not kind or kind in CONSTANT:
            return
        if kind == "VarDecl" and node.get("storageClass") == "static":
            return
        if kind == "CallExpr" and self.callee(node).startswith("__builtin_prefetch"):
            return
        visit = getattr(self, "of_" + kind, None)
        if visit:
            visit(node, depth, parents)
        self.statements(node, depth)
        self.conditions(node, depth)
        parents.append(node)
        for child in node.get("inner", []):
            self.visit(child, depth + 2, parents)
        parents.pop()

    def callee(self, node):
        inner = node.get("inner", [])
        while inner:
            if inner[0].get("kind") == "DeclRefExpr":
                return inner[0].get("referencedDecl", {}).get("name", "")
            inner = inner[0].get("inner", [])
        return ""

    # The operator between two spans.
    def operator(self, node):
        left, right = node["inner"]
        whole, a, b = self.span(node), self.span(left), self.span(right)
        if not whole or not a or not b or a[0] != whole[0] or b[1] != whole[1] or a[1] > b[0]:
            return None
        between = self.source[a[1]:b[0]].decode()
        if re.sub(r"/\*.*?\*/", " ", between, flags=re.S).strip() != node["opcode"]:
            return None
        return whole, self.text(*a), self.text(*b)

    def of_BinaryOperator(self, node, depth, parents):
        op = node["opcode"]
        found = self.operator(node) if op in RELATIONS or op in ARITHMETIC else None
        if not found:
            return
        whole, a, b = found
        others = RELATIONS.get(op) or (ARITHMETIC[op],)
        types = [is_pointer(child) for child in node["inner"]]
        if op == "-" and all(types):
            return
        self.put(whole, depth, [(f"{op} becomes {o}", f"{a} {o} {b}") for o in others])

    def of_UnaryOperator(self, node, depth, parents):
        op = node["opcode"]
        whole, inner = self.span(node), self.span(node["inner"][0])
        if not whole or not inner:
            return
        if op in ("!", "-", "~") and not node.get("isPostfix"):
            value = self.text(*inner)
            self.put(whole, depth, [(f"without {op}", f"!!({value})" if op == "!" else value)])

    def of_IntegerLiteral(self, node, depth, parents):
        span = self.span(node)
        if not span:
            return
        text = self.source[span[0]:span[1]].decode()
        found = re.fullmatch(r"(0[xX][0-9a-fA-F]+|[0-9]+)([uUlL]*)", text)
        if not found:
            if text in ("true", "false"):
                self.bool(span, depth, parents, text)
            return
        if self.source[:span[0]].rstrip()[-1:] == b"{" and self.source[span[1]:].lstrip()[:1] == b"}":
            return
        if any(p.get("castKind") == "NullToPointer" for p in parents[-2:]):
            return
        value, suffix = int(found[1], 0), found[2]
        others = [value + 1] + ([value - 1] if value else [])
        self.put(span, depth, [(f"{text} becomes {o}{suffix}", f"{o}{suffix}") for o in others],
                 shown=self.around(span, parents))

    def of_CXXBoolLiteralExpr(self, node, depth, parents):
        self.of_IntegerLiteral(node, depth, parents)

    def bool(self, span, depth, parents, text):
        if any(p.get("kind") == "ReturnStmt" for p in parents[-2:]):
            return  # the return is changed
        other = "false" if text == "true" else "true"
        self.put(span, depth, [(f"{text} becomes {other}", other)], shown=self.around(span, parents))

    def of_FloatingLiteral(self, node, depth, parents):
        span = self.span(node)
        if not span:
            return
        text = self.source[span[0]:span[1]].decode()
        try:
            value = float(text)
        except ValueError:
            return
        others = [f"({text} + 1)"] + (["0.0"] if value else [])
        self.put(span, depth, [(f"{text} becomes {o}", o) for o in others],
                 shown=self.around(span, parents))

    # The expression or declaration that a literal is part of.
    def around(self, span, parents):
        for parent in reversed(parents):
            outer = self.span(parent)
            if parent.get("kind") in ("CompoundStmt", "IfStmt", "ForStmt", "WhileStmt"):
                break
            if outer and outer != span and outer[0] <= span[0] and outer[1] >= span[1]:
                return outer
        return span

    def of_CallExpr(self, node, depth, parents):
        other = SWAPPED.get(self.callee(node))
        span = self.span(node)
        if other and span:
            name = self.callee(node)
            text = self.text(*span)
            if text.startswith(name):
                self.put(span, depth, [(f"{name} becomes {other}", other + text[len(name):])])

    def of_ReturnStmt(self, node, depth, parents):
        if not node.get("inner"):
            self.put(self.span(node), depth, [("left out", "")], form="jump")
            return
        value = node["inner"][0]
        span = self.span(value)
        if not span:
            return
        text = self.text(*span)
        result = self.results(parents)
        if result is None:
            return
        if result == "bool" or result == "_Bool":
            if turned(value):
                return
            changes = [("returns the opposite", f"!({text})")]
        elif result.endswith("*"):
            if re.fullmatch(r"NULL", text):
                return
            changes = [("returns NULL", f"((void)({text}), (void *)0)")]
        elif re.match(r"(const )?(struct|union) |void$", type_of(value)):
            return
        elif text in ("0", "PERP_OK"):
            changes = [("returns 1", "1")] if text == "0" else [
                ("returns PERP_E_INVALID", "PERP_E_INVALID")]
        else:
            changes = [("returns 0", f"((void)({text}), 0)")]
        self.put(span, depth + 1, changes)

    @staticmethod
    def results(parents):
        kind = parents[0]["type"]["qualType"]
        return kind.split("(", 1)[0].strip() if "(*" not in kind else None

    def of_BreakStmt(self, node, depth, parents):
        self.put(self.span(node), depth, [("left out", "")], form="jump")

    of_ContinueStmt = of_BreakStmt

    # Statements that are left out: calls whose result is not used, assignments, counting.
    def statements(self, node, depth):
        for child in statements_of(node):
            kind = child.get("kind")
            span = self.span(child)
            if not span:
                continue
            if kind == "CallExpr" or (kind == "BinaryOperator" and child["opcode"] == "="):
                self.put(span, depth + 1, [("left out", "")], form="statement")
            elif kind == "CompoundAssignOperator":
                left, right = (self.span(c) for c in child["inner"])
                other = ARITHMETIC.get(child["opcode"][:-1])
                changes = [("left out", "")]
                if left and right and other:
                    changes.append((f"{child['opcode']} becomes {other}=",
                                    f"{self.text(*left)} {other}= {self.text(*right)}"))
                self.put(span, depth + 1, changes, form="statement")
            elif kind == "UnaryOperator" and child["opcode"] in ("++", "--"):
                self.put(span, depth + 1, [("left out", "")], form="statement")

    def conditions(self, node, depth):
        inner = node.get("inner", [])
        kind = node.get("kind")
        if kind in ("IfStmt", "WhileStmt", "ConditionalOperator"):
            condition = inner[0]
        elif kind == "DoStmt":
            condition = inner[1]
        elif kind == "ForStmt":
            condition = inner[2]
        else:
            return
        if turned(condition):
            return
        span = self.span(condition)
        if span:
            self.put(span, depth + 1, [("the opposite", f"!({self.text(*span)})")], form="truth")

    def written(self):
        """The file with every place behind its switch."""
        inserts = []
        for i, place in enumerate(self.places):
            first = place.mutants[0].number
            chosen = place.changed[-1]
            for mutant, text in reversed(list(zip(place.mutants[:-1], place.changed[:-1]))):
                chosen = f"perp_mutant == {mutant.number} ? {text or '(void)0'} : {chosen or '(void)0'}"
            head = f"PERP_PLACE({first}, {len(place.changed)})"
            if place.form == "jump":
                before, after = f"if ({head}) ; else ", ""
            elif place.form == "statement":
                parts = [f"(void)({t})" if t else "(void)0" for t in place.changed]
                chosen = parts[-1]
                if len(parts) == 2:
                    chosen = f"perp_mutant == {first} ? {parts[0]} : {parts[1]}"
                before, after = f"({head} ? ({chosen}) : (void)(", "))"
            elif place.form == "truth":
                before, after = f"({head} ? ({chosen}) : !!(", "))"
            else:
                before, after = f"({head} ? ({chosen}) : (", "))"
            inserts.append((place.begin, 1, place.depth, i, before))
            inserts.append((place.end, 0, -place.depth, -i, after))
        # At one spot what ends comes before what begins; of what begins the outer first.
        inserts.sort()
        out, at = [], 0
        for spot, _, _, _, text in inserts:
            out.append(self.source[at:spot])
            out.append(text.encode())
            at = spot
        out.append(self.source[at:])
        return b"".join(out)


def stripped(node):
    while node.get("kind") in ("ParenExpr", "ImplicitCastExpr") and node.get("inner"):
        node = node["inner"][0]
    return node


# Whether changing the operator of it makes it its opposite.
def turned(node):
    node = stripped(node)
    op = node.get("opcode")
    return node.get("kind") == "UnaryOperator" and op == "!" or \
        op in RELATIONS and op not in ("&&", "||")


def type_of(node):
    kind = node.get("type", {})
    return kind.get("desugaredQualType", kind.get("qualType", ""))


def is_pointer(node):
    return type_of(node).rstrip().endswith("*")


def statements_of(node):
    kind, inner = node.get("kind"), node.get("inner", [])
    if kind == "CompoundStmt":
        return inner
    if kind == "IfStmt":
        return inner[1:]
    if kind in ("ForStmt", "WhileStmt", "CaseStmt", "DefaultStmt", "LabelStmt"):
        return inner[-1:]
    if kind == "DoStmt":
        return inner[:1]
    return []
