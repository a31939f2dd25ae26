"""What the binding believes of the headers is what they say."""
import ctypes
import enum
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import perpcore
from desk import BUILD
from perpcore import _abi, _library

COMPILER = os.environ.get("CC", "cc").split()
PACKAGE = os.path.dirname(perpcore.__file__)

# What hosts in Python have from Python itself.
NOT_BOUND = {
    "perp_uuid_parse": "uuid.UUID reads them",
    "perp_uuid_format": "uuid.UUID writes them",
    "perp_rule_answer_init": "the library presets the answer of a rule",
}
NAMES = "enum members have the names, and a test compares them"


def structs():
    return [c for c in vars(_abi).values()
            if isinstance(c, type) and issubclass(c, ctypes.Structure) and c is not
            ctypes.Structure]


class Layouts(unittest.TestCase):
    @unittest.skipUnless(shutil.which(COMPILER[0]), "needs a C compiler")
    def test_every_struct_and_field_lies_where_c_has_it(self):
        rows, mine = [], {}
        for struct in structs():
            name = struct.__name__
            rows.append(f'printf("{name} %zu\\n", sizeof({name}));')
            mine[name] = ctypes.sizeof(struct)
            for field, _ in struct._fields_:
                place = getattr(struct, field)
                rows.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                            f"sizeof((({name} *)0)->{field}));")
                mine[f"{name}.{field}"] = (place.offset, place.size)
        source = ("#include <perpcore/perpcore.h>\n#include <stdio.h>\nint main(void) {\n"
                  + "\n".join(rows) + "\nreturn 0;\n}\n")
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            path = os.path.join(folder, "layouts.c")
            with open(path, "w", encoding="utf-8") as out:
                out.write(source)
            program = os.path.join(folder, "layouts")
            subprocess.run([*COMPILER, "-Iinclude", path, "-o", program], check=True)
            text = subprocess.run([program], check=True, stdout=subprocess.PIPE,
                                  universal_newlines=True).stdout
        theirs = {}
        for line in text.splitlines():
            name, *numbers = line.split()
            values = tuple(map(int, numbers))
            theirs[name] = values if "." in name else values[0]
        self.assertGreater(len(theirs), 300)
        self.assertEqual(mine, theirs)

    @unittest.skipUnless(shutil.which("clang"), "needs clang")
    def test_the_generated_file_is_what_the_headers_say(self):
        made = subprocess.run([os.sys.executable, "tests/python/generate.py"], check=True,
                              stdout=subprocess.PIPE, universal_newlines=True).stdout
        with open(os.path.join(PACKAGE, "_abi.py"), encoding="utf-8") as source:
            self.assertEqual(source.read(), made, "run make python-abi")


class Functions(unittest.TestCase):
    def test_a_library_that_lacks_a_function_says_so(self):
        with mock.patch.dict(_abi.FUNCTIONS, perp_no_such_function=(None, ())):
            with self.assertRaisesRegex(perpcore.LibraryError, "perp_no_such_function"):
                _library._load()

    def exported(self):
        with open("lib/perpcore.map", encoding="utf-8") as source:
            return set(re.findall(r"^\s+(perp_\w+);", source.read(), re.M))

    def test_every_exported_function_has_its_types(self):
        self.assertEqual(set(_abi.FUNCTIONS), self.exported())

    def test_every_exported_function_is_reached(self):
        used = set()
        for name in os.listdir(PACKAGE):
            if name.endswith(".py") and name != "_abi.py":
                with open(os.path.join(PACKAGE, name), encoding="utf-8") as source:
                    used |= set(re.findall(r"\b(?:lib|found)\.(perp_\w+)", source.read()))
        left = {f for f in self.exported() - used if not f.endswith("_string")}
        self.assertEqual(left, set(NOT_BOUND))

    def test_members_have_the_names_of_the_lists(self):
        for cls, function in (
            ("Status", "status"), ("Reason", "reason"), ("Pool", "pool"),
            ("Strategy", "strategy"), ("Side", "side"), ("Mode", "mode"), ("Kind", "kind"),
            ("Margin", "margin"), ("Api", "api"), ("Circuit", "circuit"),
            ("JobState", "job_state"), ("Component", "component"), ("AlertCode", "alert"),
            ("System", "system"), ("OrderType", "order_type"), ("Tif", "tif"),
            ("OrderState", "order_state"), ("News", "news"), ("Gate", "gate"),
            ("ClientIdFormat", "client_id_format"),
        ):
            ask = getattr(_library.lib, f"perp_{function}_string")
            for member in getattr(perpcore, cls):
                said = ask(member).decode()
                if cls == "Status":
                    said = re.sub("^PERP_(E_)?", "", said).lower()
                if member not in (perpcore.Margin.NOT_GIVEN, perpcore.Tif.DEFAULT):
                    self.assertEqual(member.text, said, (cls, member))

    def test_a_value_that_no_list_has_is_shown(self):
        self.assertEqual(perpcore.Reason(63).text, "unknown_63")
        with self.assertRaises(ValueError):
            perpcore.Reason("daily_loss")

    def test_public_lists_are_all_there(self):
        for name, cls in vars(_abi).items():
            if isinstance(cls, enum.EnumMeta) and name not in ("Listed", "Threading"):
                self.assertIs(getattr(perpcore, name, None), cls, name)


class Snapshots(unittest.TestCase):
    def test_no_field_of_a_struct_is_lost(self):
        """Each field of a struct is a field of the dataclass that shows it, or counts others."""
        classes = [c for c in vars(perpcore).values()
                   if isinstance(c, type) and isinstance(getattr(c, "_struct", None), type)]
        self.assertGreater(len(classes), 30)
        said_otherwise = {
            "struct_size", "n_legs", "n_naked", "n_orders", "n_items", "n_tiers", "n_exchanges",
            "n_top_pending", "n_recent_completed", "size", "metadata_size", "want_items",
            "capacity", "allocator", "has_job", "has_repair", "override_has_job", "global",
            "has_pnl", "known", "time_ns",  # of LegFilled: what is told to the library only
            "other", "becomes",
        }
        for cls in classes:
            theirs = {n for n, _ in cls._struct._fields_ if not n.startswith("reserved")
                      or n == "reserved" and cls is perpcore.Reservation}
            missing = theirs - set(cls.__dataclass_fields__) - said_otherwise
            self.assertFalse(missing, cls.__name__)


class Versions(unittest.TestCase):
    def test_the_library_is_the_one_that_the_package_was_made_for(self):
        self.assertEqual(perpcore.__version__, perpcore.library_version())

    def test_an_older_library_and_another_major_version_are_refused(self):
        for number in (_abi.VERSION_NUMBER - 1, 10000, 90000):
            with self.assertRaisesRegex(perpcore.LibraryError, "this package needs"):
                _library.check_version(number)
        _library.check_version(_abi.VERSION_NUMBER + 105)

    def test_a_missing_or_wrong_library_is_an_import_error_that_says_what_to_do(self):
        for path, said in (("/nowhere/libperpcore.so", "PERPCORE_LIBRARY"),
                           ("libc.so.6", "is not libperpcore")):
            got = subprocess.run(
                [os.sys.executable, "-c", "import perpcore"], stderr=subprocess.PIPE,
                universal_newlines=True, env={**os.environ, "PERPCORE_LIBRARY": path})
            self.assertEqual(got.returncode, 1)
            self.assertIn("LibraryError", got.stderr)
            self.assertIn(said, got.stderr)
