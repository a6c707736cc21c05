"""What a source says that it imports, and which files of the checkout that means."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lcode.index.import_targets import Targets
from lcode.index.imports import LANGUAGES, imports

FILES: Mapping[str, str] = {
    # Python: a package below src, and a test beside
    "src/shop/__init__.py": "", "src/shop/store.py": "", "src/shop/pay/__init__.py": "", "src/shop/pay/card.py": "",
    "src/shop/types.py": "", "tests/test_store.py": "", "tests/helpers.py": "",
    # JavaScript: two packages
    "web/package.json": '{"name": "@acme/web"}', "web/src/index.ts": "", "web/src/app.vue": "", "web/src/api/client.ts": "",
    "kit/package.json": '{"name": "@acme/kit"}', "kit/src/index.ts": "", "kit/src/list.ts": "",
    # Go
    "go.mod": "module example.com/acme\n\ngo 1.22\n", "cmd/main.go": "", "internal/db/db.go": "", "internal/db/db_test.go": "",
    # Rust: a workspace of two crates
    "core/Cargo.toml": '[package]\nname = "acme-core"\n', "core/src/lib.rs": "", "core/src/net/mod.rs": "",
    "core/src/net/tcp.rs": "", "core/src/time.rs": "", "cli/Cargo.toml": '[package]\nname = "cli"\n', "cli/src/main.rs": "",
    # the others
    "java/com/acme/Cart.java": "", "java/com/acme/pay/Card.java": "", "c/server.h": "", "c/server.c": "", "c/net.c": "",
    "lib/acme/basket.rb": "", "lib/acme.rb": "", "php/src/Http/Kernel.php": "", "hs/Data/Tree.hs": "", "lua/acme/list.lua": "",
    "bin/common.sh": "", "css/_base.scss": "",
}  # fmt: skip
TARGETS = Targets(FILES, lambda path: FILES[path])


@pytest.mark.parametrize(
    ("language", "source", "text", "meant"),
    [
        ("python", "src/shop/pay/card.py", "from ..store import Store", ["src/shop/store.py"]),
        ("python", "src/shop/pay/card.py", "from . import card as c\nfrom .. import store", ["src/shop/store.py"]),
        ("python", "tests/test_store.py", "from shop.pay.card import (\n    charge,  # why\n)", ["src/shop/pay/card.py"]),
        ("python", "tests/test_store.py", "import shop.store as s, os", ["src/shop/store.py"]),
        ("python", "tests/test_store.py", "from helpers import make", ["tests/helpers.py"]),
        ("python", "tests/test_store.py", "import types", []),  # the standard library's, not the package's
        ("python", "tests/test_store.py", '"""\nimport shop.store\n"""', []),
        ("typescript", "web/src/index.ts", "import App from './app.vue'\n", ["web/src/app.vue"]),
        ("typescript", "web/src/index.ts", "export * from './api/client.js'", ["web/src/api/client.ts"]),
        ("typescript", "web/src/api/client.ts", "const x = require('..')", ["web/src/index.ts"]),
        ("typescript", "web/src/index.ts", "import { list } from '@acme/kit'", ["kit/src/index.ts"]),
        ("typescript", "web/src/index.ts", "import list from '@acme/kit/list'", ["kit/src/list.ts"]),
        ("typescript", "web/src/index.ts", "import c from '@/api/client'", ["web/src/api/client.ts"]),
        ("typescript", "web/src/index.ts", "import react from 'react'", []),
        ("go", "cmd/main.go", 'import (\n\t"fmt"\n\tdb "example.com/acme/internal/db"\n)', ["internal/db/db.go"]),
        ("rust", "core/src/net/tcp.rs", "use crate::time::{self, Sleep};", ["core/src/time.rs"]),
        ("rust", "core/src/net/tcp.rs", "use super::Addr;", ["core/src/net/mod.rs"]),
        ("rust", "core/src/net/mod.rs", "mod tcp;", ["core/src/net/tcp.rs"]),
        ("rust", "cli/src/main.rs", "use acme_core::{net::tcp::Stream, time};", ["core/src/net/tcp.rs", "core/src/time.rs"]),
        ("rust", "cli/src/main.rs", "// use acme_core::time;\nuse std::time;", []),
        ("java", "java/com/acme/Cart.java", "import com.acme.pay.Card;", ["java/com/acme/pay/Card.java"]),
        ("java", "java/com/acme/Cart.java", "import static com.acme.pay.Card.charge;", ["java/com/acme/pay/Card.java"]),
        ("java", "java/com/acme/pay/Card.java", "import java.util.List;", []),
        ("c", "c/net.c", '#include "server.h"\n#include <stdio.h>', ["c/server.c", "c/server.h"]),
        ("ruby", "lib/acme.rb", "require 'acme/basket'", ["lib/acme/basket.rb"]),
        ("ruby", "lib/acme.rb", "autoload :Basket, 'acme/basket'", ["lib/acme/basket.rb"]),
        ("ruby", "lib/acme/basket.rb", "require 'acme'\nrequire 'json'", ["lib/acme.rb"]),
        ("ruby", "lib/acme.rb", "x = Acme::Basket.new", ["lib/acme/basket.rb"]),
        ("php", "php/index.php", "use App\\Http\\{Kernel, Other};", ["php/src/Http/Kernel.php"]),
        ("haskell", "hs/Main.hs", "import qualified Data.Tree as T", ["hs/Data/Tree.hs"]),
        ("lua", "lua/main.lua", "local l = require('acme.list')", ["lua/acme/list.lua"]),
        ("bash", "bin/run", '. "$(dirname "$0")/common.sh"', ["bin/common.sh"]),
        ("scss", "css/all.scss", "@use 'base';", ["css/_base.scss"]),
    ],
)
def test_an_import_means_the_file_that_its_language_takes(language: str, source: str, text: str, meant: list[str]) -> None:
    found = {path for name in imports(language, text.encode()) for path in TARGETS.of(source, language, name)}
    assert sorted(found) == meant


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_no_text_is_too_odd_to_be_looked_at(language: str) -> None:
    odd = ("", "\0", "import", "use a::{b::{c", "from . import (", "#include <", "require(", "é\x80", "import '" + "x" * 9_000)
    for text in odd:
        for name in imports(language, text.encode("utf-8", "surrogatepass")):
            TARGETS.of("a/b.c", language, name)


def test_a_language_whose_imports_name_no_files_tells_nothing() -> None:
    assert imports("swift", b"import Foundation") == ()
    assert TARGETS.of("a.swift", "swift", "Foundation") == []
