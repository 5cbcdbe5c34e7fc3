"""The rules of the tree, checked on the sources: the edges between folders, where third-party
headers may stand, sizes of files. Each rule is also shown to refuse a wrong example."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Where a folder lies. bench/ and tests/ may include everything and are not in the table.
FOLDERS = {name: ROOT / name for name in ("core", "tls", "smtp", "spool", "shaping")}
FOLDERS["relay"] = ROOT / "tools/sluice/relay"
FOLDERS["commands"] = ROOT / "tools/sluice/commands"

# Third-party headers end where they begin: pattern of the include, pattern of who may have it.
THIRD_PARTY = [
    (r"liburing|linux/io_uring", r"core/ring\w*\.cc"),
    (r"ares\.h|ares_", r"core/resolver\.cc"),
    (r"boost/", r"core/http_server\.cc"),
    (r"toml\+\+/", r"core/config_file\.cc"),
    (r"spdlog/", r"core/log\.cc"),
    (r"CLI/", r"tools/sluice/(main|commands/\w+)\.cc|bench/\w+\.cc|tests/.*\.cc"),
    (r"wolfssl/", r"tls/\w+\.cc|tests/unit/tls/\w+\.cc|bench/tls_bench\.cc"),
    (r"lmdb\.h", r"spool/\w+\.(h|cc)|tests/unit/spool/\w+\.(h|cc)|bench/\w+_bench\.cc"),
]

LINES_MAX, TEST_LINES_MAX = 600, 800


def table_of_edges():
    """The table that CMake uses: {folder: set of folders it may use}, itself included."""
    text = (ROOT / "tools/cmake/sluice_targets.cmake").read_text()
    found = re.findall(r'set\(SLUICE_EDGES_(\w+) "?([\w ]*)"?\)', text)
    return {folder: {folder, *edges.split()} for folder, edges in found}


def sources(root):
    return sorted(path for path in root.rglob("*") if path.suffix in (".h", ".cc"))


def all_sources():
    places = [*FOLDERS.values(), ROOT / "bench", ROOT / "tests", ROOT / "tools/sluice/main.cc"]
    for place in places:
        yield from [place] if place.is_file() else sources(place)


def includes(text):
    """(line number, opening bracket, path) of each include."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield number, match[1], match[2]


def crossings(folder, text, edges):
    """Includes of `text`, a file of `folder`, that the table does not allow."""
    wrong = []
    for number, bracket, path in includes(text):
        target = path.split("/")[0]
        if bracket == '"' and target in FOLDERS and target not in edges[folder]:
            wrong.append(f"line {number}: {folder}/ may not include {path}")
        if bracket == '"' and target in ("bench", "tests", "tools"):
            wrong.append(f"line {number}: {folder}/ may not include {path}")
    return wrong


def misplaced_third_party(name, text):
    return [
        f"{name}:{number}: {path} belongs into {allowed}"
        for number, _, path in includes(text)
        for header, allowed in THIRD_PARTY
        if re.match(header, path) and not re.fullmatch(allowed, name)
    ]


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_includes_only_what_the_table_allows(folder):
    edges = table_of_edges()
    wrong = {relative(path): crossings(folder, path.read_text(), edges) for path in sources(FOLDERS[folder])}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    "folder, line",
    [("smtp", '#include "spool/spool.h"'), ("core", '#include "tls/library.h"'),
     ("shaping", '#  include "smtp/reply.h"'), ("relay", '#include "commands/serve.h"'),
     ("spool", '#include "bench/ledger.h"')],
)
def test_an_include_across_the_table_is_found(folder, line):
    assert crossings(folder, f"#pragma once\n{line}\n", table_of_edges()) != []


def test_the_table_names_every_folder():
    assert set(table_of_edges()) == set(FOLDERS)


def test_third_party_headers_end_where_they_begin():
    wrong = [line for path in all_sources() for line in misplaced_third_party(relative(path), path.read_text())]
    assert wrong == []


def test_a_third_party_header_elsewhere_is_found():
    assert misplaced_third_party("smtp/reply.cc", "#include <lmdb.h>\n") != []


def test_our_headers_are_included_in_quotes_by_path_from_the_root():
    wrong = []
    for path in all_sources():
        for number, bracket, name in includes(path.read_text()):
            ours = any((ROOT / base / name).is_file() for base in ("", "tools/sluice"))
            if ours != (bracket == '"'):
                wrong.append(f"{relative(path)}:{number}: {name}")
    assert wrong == []


def test_headers_are_guarded_by_pragma_once():
    headers = [path for path in all_sources() if path.suffix == ".h"]
    assert [relative(path) for path in headers if "#pragma once" not in path.read_text()] == []


def test_no_file_grows_past_its_limit():
    long = []
    for path in all_sources():
        lines = len(path.read_text().splitlines())
        limit = TEST_LINES_MAX if relative(path).startswith("tests/") else LINES_MAX
        if lines > limit:
            long.append(f"{relative(path)}: {lines} lines, at most {limit}")
    assert long == []


def test_the_path_of_a_message_names_files_that_exist():
    text = (ROOT / "docs/architecture.md").read_text()
    path = text.split("## The path of a message")[1].split("##")[0]
    files = re.findall(r"`([\w/]+\.(?:cc|h))`", path)
    assert len(files) > 20
    assert [name for name in files if not (ROOT / name).is_file()] == []
