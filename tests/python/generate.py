#!/usr/bin/env python3
"""Writes perpcore/_abi.py, the ctypes side of the public headers, from what clang reads in them.

usage: generate.py [OUTPUT]     (run in the top folder; without OUTPUT to the standard output)

Nothing about the headers is written here but how C's types are called in ctypes: structs,
enums, constants and functions come from clang's syntax tree, and so do their orders and sizes.
"""
import json
import os
import re
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Set

HEADER = "perpcore/perpcore.h"
CLANG = ["clang", "-Iinclude", "-x", "c", "-std=c11"]

BASE_TYPES = {
    "char": "c_char",
    "int": "c_int",
    "double": "c_double",
    "size_t": "c_size_t",
    **{f"{u}int{n}_t": f"c_{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)},
}

# Where the name of an enum would make a poor class name.
ENUM_NAMES = {"perp_level_of_alert": "AlertLevel"}

# Where what follows the prefix is no name; _listed.py knows the texts of these.
MEMBER_NAMES = {"0X": "HEX_0X"}


class Headers:
    """What the headers declare, in their order."""

    def __init__(self) -> None:
        source = f"#include <{HEADER}>\n"
        tree = json.loads(run(CLANG + ["-Xclang", "-ast-dump=json", "-fsyntax-only", "-"], source))
        self.macros = run(CLANG + ["-dM", "-E", "-"], source)
        self.typedefs: Dict[str, str] = {}
        self.structs: Dict[str, List[Any]] = {}
        self.enums: Dict[str, Dict[str, int]] = {}
        self.functions: List[Any] = []
        tags: Dict[str, str] = {}
        for node in tree["inner"]:
            name = node.get("name", "")
            if node["kind"] == "TypedefDecl":
                target = node["type"]["qualType"]
                self.typedefs[name] = target
                if target.startswith("struct "):
                    tags[target] = name
            elif not name.startswith("perp_"):
                continue
            elif node["kind"] == "RecordDecl" and node.get("completeDefinition"):
                self.structs[name] = [n for n in node["inner"] if n["kind"] == "FieldDecl"]
            elif node["kind"] == "EnumDecl":
                self.enums[name] = enumerators(node)
            elif node["kind"] == "FunctionDecl":
                self.functions.append(node)
        self.tags = tags
        # A struct is known by its typedef, which may differ from its tag.
        self.structs = {tags.get(f"struct {tag}", tag): f for tag, f in self.structs.items()}

    def constants(self) -> Dict[str, int]:
        """The object-like macros whose value is a number, and the plain enumerators."""
        known = {"UINT32_MAX": 2**32 - 1, "INT64_MIN": -(2**63)}
        found = {}
        for name, text in re.findall(r"^#define (PERP_\w+) (\S.*)$", self.macros, re.M):
            text = re.sub(r"^U?INT64_C\((\w+)\)$", r"\1", text)
            text = re.sub(r"^(\d+)u$", r"\1", text)
            if text in known:
                found[name] = known[text]
            elif re.fullmatch(r"-?\d+", text):
                found[name] = int(text)
        for members in self.enums.values():
            found.update({n: v for n, v in members.items() if n.endswith("_COUNT")})
        return dict(sorted(found.items()))


def run(command: List[str], source: str) -> str:
    return subprocess.run(
        command, input=source, stdout=subprocess.PIPE, check=True, universal_newlines=True
    ).stdout


def enumerators(node: Any) -> Dict[str, int]:
    """Names and values; clang gives a value only where one is written."""
    members: Dict[str, int] = {}
    value = -1
    for child in node["inner"]:
        if child["kind"] == "EnumConstantDecl":
            written = [v for v in walk(child) if "value" in v and v["kind"] == "ConstantExpr"]
            value = int(written[0]["value"]) if written else value + 1
            members[child["name"]] = value
    return members


def walk(node: Any) -> Iterator[Any]:
    yield node
    for child in node.get("inner", ()):
        yield from walk(child)


class Types:
    """C types as ctypes expressions."""

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        self.known: Set[str] = set()  # structs that are written already

    def of(self, text: str) -> str:
        text = re.sub(r"\*const$", "*", text.strip())
        function = re.fullmatch(r"(.*?) ?\(\*\)\((.*)\)", text)
        if function:
            result, parameters = function.groups()
            return f"CFUNCTYPE({', '.join([self.of(result), *map(self.of, split(parameters))])})"
        array = re.fullmatch(r"(.*?) ?\[(\d+)\]", text)
        if array:
            return f"{self.of(array.group(1))} * {array.group(2)}"
        if text.endswith("*"):
            return self.pointer(text[:-1].strip())
        bare = re.sub(r"\b(const|struct|enum) ", "", text)
        if bare == "void":
            return "None"
        if bare in BASE_TYPES:
            return BASE_TYPES[bare]
        if bare in self.known:
            return bare
        if bare in self.headers.enums:
            return "c_int"
        if bare in self.headers.typedefs and bare not in self.headers.structs:
            return self.of(self.headers.typedefs[bare])
        raise SystemExit(f"generate.py: no ctypes type for '{text}'")

    def pointer(self, target: str) -> str:
        bare = re.sub(r"\b(const|struct) ", "", target)
        # bytes can't be written to, so only a pointer to constant text is text for Python.
        if bare in ("char", "void"):
            return "c_char_p" if target == "const char" else "c_void_p"
        bare = self.headers.tags.get(f"struct {bare}", bare)
        if self.headers.typedefs.get(bare) == f"struct {bare}" and bare not in self.headers.structs:
            return "c_void_p"  # opaque
        return f"POINTER({self.of(target if '*' in target else bare)})"


def split(parameters: str) -> List[str]:
    return [p for p in parameters.split(", ") if p and p != "void"]


def class_name(enum: str) -> str:
    return ENUM_NAMES.get(enum) or "".join(w.title() for w in enum.split("_")[1:])


def enum_lines(enum: str, members: Dict[str, int]) -> List[str]:
    """An IntEnum of the enumerators, without those that only count or bound the others."""
    prefix = enum.upper() + "_"
    if not all(m.startswith(prefix) for m in members):
        prefix = os.path.commonprefix(list(members)).rpartition("_")[0] + "_"
    real = {
        MEMBER_NAMES.get(m[len(prefix):], m[len(prefix):]): v
        for m, v in members.items()
        if not re.search(r"_(COUNT|END|32_BITS)$", m)
    }
    if enum == "perp_status":
        real = {re.sub("^E_", "", m): v for m, v in real.items()}
    return [
        "",
        "",
        f"class {class_name(enum)}(Listed):",
        f'    """enum {enum}"""',
        "",
        *(f"    {m} = {v}" for m, v in real.items()),
    ]


def struct_lines(name: str, fields: List[Any], types: Types) -> List[str]:
    functions: List[str] = []
    rows: List[str] = []
    for field in fields:
        ctype = types.of(field["type"]["qualType"])
        if ctype.startswith("CFUNCTYPE"):
            function = f"{name}_{field['name']}"
            functions.append(f"{function} = {ctype}")
            ctype = function
        rows.append(f'        ("{field["name"]}", {ctype}),')
    types.known.add(name)
    return [
        "",
        "",
        *functions,
        *(["", ""] if functions else []),
        f"class {name}(Structure):",
        "    _fields_ = [",
        *rows,
        "    ]",
    ]


def in_order(headers: Headers) -> Iterator[str]:
    """The structs as ctypes can take them: each after those that it names. C needs no more of one
    that a pointer leads to than that it is there."""
    given: Set[str] = set()

    def those_of(name: str) -> Iterator[str]:
        if name in given:
            return
        given.add(name)
        for field in headers.structs[name]:
            for word in re.findall(r"\w+", field["type"]["qualType"]):
                word = headers.tags.get(f"struct {word}", word)
                if word in headers.structs:
                    yield from those_of(word)
        yield name

    for name in headers.structs:
        yield from those_of(name)


def function_lines(node: Any, types: Types) -> List[str]:
    result = node["type"]["qualType"].split("(")[0]
    parameters = [
        types.of(p["type"]["qualType"])
        for p in node.get("inner", ())
        if p["kind"] == "ParmVarDecl"
    ]
    arguments = "".join(p + ", " for p in parameters).strip()
    return [f'    "{node["name"]}": ({types.of(result)}, ({arguments})),']


def generate() -> str:
    headers = Headers()
    types = Types(headers)
    constants = headers.constants()
    parts = [constants[f"PERP_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH")]
    lines = [
        '"""The headers of libperpcore for ctypes. Written by tests/python/generate.py."""',
        "from __future__ import annotations",
        "",
        "from ctypes import (",
        "    CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int, c_int32, c_int64,",
        "    c_size_t, c_uint8, c_uint32, c_uint64, c_void_p,",
        ")",
        "from typing import Any, Dict, Tuple",
        "",
        "from ._listed import Listed",
        "",
        f'VERSION = "{parts[0]}.{parts[1]}.{parts[2]}"',
        f"VERSION_NUMBER = {parts[0] * 10000 + parts[1] * 100 + parts[2]}",
        "",
        *(f"{name} = {value}" for name, value in constants.items()),
    ]
    for enum, members in headers.enums.items():
        lines += enum_lines(enum, members)
    for name in in_order(headers):
        lines += struct_lines(name, headers.structs[name], types)
    lines += ["", "", "FUNCTIONS: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {"]
    for node in headers.functions:
        lines += function_lines(node, types)
    lines += ["}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    text = generate()
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as output:
            output.write(text)
    else:
        sys.stdout.write(text)
