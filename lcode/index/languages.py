"""Which language a file is in, and what is known of each: its grammar, its comments, whether its names are definitions.

Tables and lookups only. A language without a grammar still has its name, so that a search can ask for it; its files are
cut into windows of text. Grammars are loaded by `lcode/index/grammars.py`, one by one, when a file needs them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TEXT = "text"


class Language(NamedTuple):
    """`module` holds the grammar, made by its `function`; `queries` are the files that say what a definition is.

    `comments` names how comments and texts look (see `identifiers.py`): slash, hash and so on, or '' where the file is data.
    `separators` are what joins the parts of a qualified name. `defines` says whether its names are symbols of code.
    """

    name: str
    module: str
    function: str = "language"
    queries: tuple[str, ...] = ()
    comments: str = "slash"
    separators: str = "."
    defines: bool = True


_ROWS = (
    Language("python", "tree_sitter_python", queries=("python",), comments="python"),
    Language("javascript", "tree_sitter_javascript", queries=("ecma", "javascript"), comments="script"),
    Language("typescript", "tree_sitter_typescript", "language_typescript", ("ecma", "typescript"), "script"),
    Language("tsx", "tree_sitter_typescript", "language_tsx", ("ecma", "typescript"), "script"),
    Language("go", "tree_sitter_go", queries=("go",)),
    Language("rust", "tree_sitter_rust", queries=("rust",), separators="::"),
    Language("java", "tree_sitter_java", queries=("java",)),
    Language("c", "tree_sitter_c", queries=("c",), separators=""),
    Language("cpp", "tree_sitter_cpp", queries=("c", "cpp"), separators="::"),
    Language("csharp", "tree_sitter_c_sharp", queries=("csharp",)),
    Language("ruby", "tree_sitter_ruby", queries=("ruby",), comments="hash", separators="::"),
    Language("php", "tree_sitter_php", "language_php", ("php",), "php", ""),
    Language("kotlin", "tree_sitter_kotlin", queries=("kotlin",)),
    Language("swift", "tree_sitter_swift", queries=("swift",)),
    Language("scala", "tree_sitter_scala", queries=("scala",)),
    Language("lua", "tree_sitter_lua", queries=("lua",), comments="dash", separators=".:"),
    Language("bash", "tree_sitter_bash", queries=("bash",), comments="hash", separators=""),
    Language("sql", "tree_sitter_sql", queries=("sql",), comments="dash"),
    Language("html", "tree_sitter_html", queries=("html",), comments="", separators=""),
    Language("vue", "tree_sitter_html", queries=("html",), comments="script", separators=""),
    Language("svelte", "tree_sitter_html", queries=("html",), comments="script", separators=""),
    Language("css", "tree_sitter_css", queries=("css",), comments="", separators=""),
    Language("json", "tree_sitter_json", queries=("json",), comments="", separators="", defines=False),
    Language("yaml", "tree_sitter_yaml", queries=("yaml",), comments="", separators="", defines=False),
    Language("toml", "tree_sitter_toml", queries=("toml",), comments="", separators="", defines=False),
    Language("markdown", "tree_sitter_markdown", queries=("markdown",), comments="prose", separators=""),
    Language("haskell", "tree_sitter_haskell", queries=("haskell",), comments="haskell", separators=""),
)
LANGUAGES = {row.name: row for row in _ROWS}

# The long tail: names of grammars in the package tree-sitter-languages, with how their comments look. Not hcl and julia: these
# two end the whole process on bytes that are none of theirs.
_TAIL_COMMENTS = {
    "slash": "objc hack ql gomod",
    "hash": "elixir perl r make dockerfile",
    "dash": "elm",
    "plain": "elisp commonlisp erlang ocaml fortran",
    "": "rst dot",
}
TAIL = {
    name: Language(name, "tree_sitter_languages", name, (), comments)
    for comments, names in _TAIL_COMMENTS.items()
    for name in names.split()
}

_EXTENSIONS = {
    "python": "py pyi pyw pyx pxd bzl star",
    "javascript": "js mjs cjs jsx es6",
    "typescript": "ts mts cts",
    "tsx": "tsx",
    "go": "go",
    "rust": "rs",
    "java": "java",
    "c": "c h",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ inl ipp tpp cu cuh ino",
    "csharp": "cs csx",
    "ruby": "rb rake gemspec ru podspec rbi",
    "php": "php phtml php3 php4 php5 phps inc",
    "kotlin": "kt kts",
    "swift": "swift",
    "scala": "scala sc sbt",
    "lua": "lua rockspec",
    "bash": "sh bash zsh ksh bats ebuild",
    "sql": "sql ddl psql pgsql",
    "html": "html htm xhtml",
    "vue": "vue",
    "svelte": "svelte",
    "css": "css",
    "scss": "scss sass",
    "less": "less",
    "json": "json jsonc json5 webmanifest geojson ipynb",
    "yaml": "yaml yml",
    "toml": "toml",
    "markdown": "md markdown mdx mkd mdown",
    "haskell": "hs lhs",
    "dart": "dart",
    "objc": "m mm",
    "erlang": "erl hrl",
    "elixir": "ex exs",
    "julia": "jl",
    "perl": "pl pm t",
    "r": "r",
    "make": "mk mak",
    "dockerfile": "dockerfile",
    "hcl": "hcl tf tfvars",
    "elm": "elm",
    "elisp": "el",
    "commonlisp": "lisp cl",
    "ocaml": "ml mli",
    "fortran": "f90 f95 f03 f08",
    "rst": "rst",
    "dot": "dot gv",
    "hack": "hack",
    "ql": "ql",
    "clojure": "clj cljs cljc edn",
    "fsharp": "fs fsi fsx",
    "visualbasic": "vb",
    "groovy": "groovy gradle",
    "nim": "nim",
    "zig": "zig",
    "crystal": "cr",
    "d": "d",
    "pascal": "pas dpr",
    "tcl": "tcl",
    "powershell": "ps1 psm1 psd1",
    "batch": "bat cmd",
    "fish": "fish",
    "assembly": "asm s",
    "vhdl": "vhd vhdl",
    "verilog": "v sv svh",
    "solidity": "sol",
    "protobuf": "proto",
    "thrift": "thrift",
    "graphql": "graphql gql",
    "xml": "xml xsd xsl xslt svg plist csproj props targets",
    "ini": "ini cfg conf properties editorconfig",
    "cmake": "cmake",
    "latex": "tex sty cls",
    "asciidoc": "adoc asciidoc",
    "vim": "vim",
    "nix": "nix",
    "csv": "csv tsv",
    "jinja": "j2 jinja jinja2",
    "handlebars": "hbs handlebars",
    "erb": "erb",
    "astro": "astro",
}
_BY_EXTENSION = {extension: name for name, extensions in _EXTENSIONS.items() for extension in extensions.split()}
_BY_NAME = {
    "makefile": "make",
    "gnumakefile": "make",
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "cmakelists.txt": "cmake",
    "rakefile": "ruby",
    "gemfile": "ruby",
    "guardfile": "ruby",
    "podfile": "ruby",
    "vagrantfile": "ruby",
    "fastfile": "ruby",
    "brewfile": "ruby",
    "build.bazel": "python",
    "sconstruct": "python",
    "sconscript": "python",
    "wscript": "python",
    "jenkinsfile": "groovy",
    "go.mod": "gomod",
    "pipfile": "toml",
    "cargo.lock": "toml",
    "poetry.lock": "toml",
    "uv.lock": "toml",
    "composer.lock": "json",
    ".babelrc": "json",
    ".eslintrc": "json",
    ".prettierrc": "json",
    ".clang-format": "yaml",
    ".bashrc": "bash",
    ".bash_profile": "bash",
    ".profile": "bash",
    ".zshrc": "bash",
    "pkgbuild": "bash",
    ".gitconfig": "ini",
    ".editorconfig": "ini",
}
_BY_EXACT_NAME = {"BUILD": "python", "WORKSPACE": "python"}  # Bazel's; in small letters these are scripts and folders
_PROGRAMS = {
    "python": "python",
    "pypy": "python",
    "node": "javascript",
    "nodejs": "javascript",
    "deno": "typescript",
    "bun": "typescript",
    "ts-node": "typescript",
    "ruby": "ruby",
    "php": "php",
    "lua": "lua",
    "luajit": "lua",
    "perl": "perl",
    "rscript": "r",
    "sh": "bash",
    "bash": "bash",
    "dash": "bash",
    "ksh": "bash",
    "zsh": "bash",
    "bats": "bash",
    "runhaskell": "haskell",
    "stack": "haskell",
    "swift": "swift",
    "scala": "scala",
    "kotlin": "kotlin",
    "julia": "julia",
    "elixir": "elixir",
    "escript": "erlang",
    "tclsh": "tcl",
    "fish": "fish",
    "make": "make",
}
_SHEBANG = re.compile(rb"#!\s*(\S+)(?:[ \t]+(.*))?")
_VERSION = re.compile(r"[\d.]+$")
_CPLUSPLUS = re.compile(
    rb"^\s*(?:class\s+\w+|namespace\b|template\s*<|using\s+\w|public:|private:|protected:|#include\s*<[a-z_]+>)|\bstd::|\bconstexpr\b",
    re.MULTILINE,
)
_HEAD = 65_536
# Endings that more than one language uses: what to look for, the language where it is found, the one where it is not.
_ASKED = {
    "h": (_CPLUSPLUS, "cpp", "c"),
    "inc": (re.compile(rb"<\?php"), "php", TEXT),
    "m": (
        re.compile(rb"^\s*(?:#import|#include|@(?:interface|implementation|import|class|protocol))", re.MULTILINE),
        "objc",
        TEXT,
    ),
    "ts": (re.compile(rb"\A\s*<(?:\?xml|!DOCTYPE TS)"), "xml", "typescript"),
    "pl": (re.compile(rb"^:- ", re.MULTILINE), TEXT, "perl"),
}


def language_of(path: str, data: bytes) -> str:
    """The name of the language of a file, by its name, else by its first line; `text` where nothing tells."""
    exact = path.rpartition("/")[2]
    name = exact.lower()
    found = _BY_EXACT_NAME.get(exact) or _BY_NAME.get(name, "")
    stem, dot, extension = name.rpartition(".")
    if not found and dot:
        found = _BY_EXTENSION.get(extension, "")
        if not found and extension in ("in", "tmpl", "template", "dist", "example", "sample"):
            found = _BY_EXTENSION.get(stem.rpartition(".")[2], "") if "." in stem else ""
    if found and extension in _ASKED:
        pattern, yes, no = _ASKED[extension]
        return yes if pattern.search(data[:_HEAD]) else no
    if not found and name.startswith(("dockerfile.", "makefile.")):
        found = _BY_NAME[name.partition(".")[0]]
    return found or _by_first_line(data)


def _by_first_line(data: bytes) -> str:
    if not data.startswith(b"#!"):
        return TEXT
    match = _SHEBANG.match(data[:200].partition(b"\n")[0])
    if not match:
        return TEXT
    program = match[1].decode("utf-8", "replace").rpartition("/")[2]
    if program == "env":
        words = (match[2] or b"").decode("utf-8", "replace").split()
        program = next((word for word in words if not word.startswith("-") and "=" not in word), "").rpartition("/")[2]
    program = program.lower()
    return _PROGRAMS.get(program) or _PROGRAMS.get(_VERSION.sub("", program), TEXT)
