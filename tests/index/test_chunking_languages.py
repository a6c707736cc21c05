"""Every language of the index: what its definitions are called, of which kind they are, and what is said of them."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lcode.index.chunking import chunk
from lcode.index.grammars import grammar_of, version_of
from lcode.index.languages import LANGUAGES, TAIL, language_of
from lcode.index.model import Parsed


class Sample(NamedTuple):
    """A small file, the names it defines, and symbol, kind, signature and documentation of chunks in it."""

    path: str
    source: str
    names: str
    chunks: tuple[tuple[str, str, str, str], ...] = ()


SAMPLES = {
    "python": Sample(
        "a.py",
        '''\
type Alias = int
class A:
    """Doc."""
    def f(self): ...

async def g(x: int) -> int:
    """Says g."""
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
    return x
''',
        "Alias A f g",
        (
            ("A", "class", "class A", "Doc."),
            ("g", "function", "async def g(x: int) -> int", "Says g."),
        ),
    ),
    "javascript": Sample(
        "a.mjs",
        """\
/**
 * Doc.
 * @param x y
 */
export default class A extends B {
  #p = 1;
  run(x) { return x }
  static make = () => 1;
}
export const go = async (a, b) => {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
};
exports.api = function (x) {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
};
B.prototype.show = function () {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
};
const LIMIT = 1, o = { key() {}, other: function () {} };
""",
        "A run make go api show LIMIT o key other",
        (
            ("A", "class", "export default class A extends B", "Doc."),
            ("go", "function", "export const go = async (a, b) =>", ""),
            ("api", "function", "exports.api = function (x)", ""),
            ("B.show", "method", "B.prototype.show = function ()", ""),
        ),
    ),
    "typescript": Sample(
        "a.ts",
        """\
/** Doc. */
export interface Shape { area(): number; // words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 }
type Id = string | number;
export enum Color { Red, Green = 2 }
abstract class A { abstract f(): void; private g = (x: number) => x; }
namespace N { export function inside(x: Id): Id {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 return x } }
declare function outer(x: string): void;
export const top: number = 1;
""",
        "Shape area Id Color Red Green A f g N inside outer top",
        (("Shape", "interface", "export interface Shape", "Doc."),),
    ),
    "tsx": Sample(
        "a.tsx",
        """\
export function App({ x }: Props): JSX.Element {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
  return <b>{x}</b>;
}
""",
        "App",
        (("App", "function", "export function App({ x }: Props): JSX.Element", ""),),
    ),
    "go": Sample(
        "a.go",
        """\
package a

// Run runs.
//
// More.
func Run(x int) error {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
    return nil
}

func (s *Server[T]) Stop() {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
}

type Server[T any] struct {
    name string
}
type Shape interface {
    Area() int
}
type ID = string
const (
    A = iota
    B
)
var top = 1
""",
        "Run Stop Server Shape Area ID A B top",
        (
            ("Run", "function", "func Run(x int) error", "Run runs."),
            ("Server.Stop", "method", "func (s *Server[T]) Stop()", ""),
            ("Server", "struct", "type Server[T any] struct", ""),
            ("Shape", "interface", "type Shape interface", ""),
        ),
    ),
    "rust": Sample(
        "a.rs",
        """\
/// Doc of it.
#[derive(Debug)]
pub struct S<T> { a: T }
impl<T> Tr for S<T> {
    fn f(&self) -> u8 {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 1 }
}
pub enum E { A, B(u8) }
pub trait Tr { fn f(&self) -> u8; }
macro_rules! mac { () => {} }
const C: u8 = 1;
static ST: u8 = 2;
type Al = u8;
mod m { pub fn deep() {} }
""",
        "S f E A B Tr mac C ST Al m deep",
        (
            ("S", "struct", "pub struct S<T>", "Doc of it."),
            ("S.f", "method", "fn f(&self) -> u8", ""),
            ("E", "enum", "pub enum E", ""),
            ("Tr", "interface", "pub trait Tr", ""),
            ("m", "module", "mod m", ""),
        ),
    ),
    "java": Sample(
        "A.java",
        """\
package x;
/** Doc. */
@Deprecated
public class A<T> extends B {
  static final int MAX = 1;
  int field;
  A() {}
  /** Runs. */
  public int run(int a) {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 return a; }
}
interface I { void f(); }
enum E { ONE, TWO }
record R(int a) {}
@interface An { int value(); }
""",
        "A MAX run I f E ONE TWO R An value",
        (
            ("A", "class", "@Deprecated public class A<T> extends B", "Doc."),
            ("A.run", "method", "public int run(int a)", "Runs."),
            ("E", "enum", "enum E", ""),
        ),
    ),
    "c": Sample(
        "a.c",
        """\
#define MAX 3
#define SQ(x) ((x)*(x))
typedef struct node { int a; } node;
enum color { RED, GREEN };
extern int other;
int proto(int);
int (*hook)(int);
static int table[] = {1};
/* Adds. */
static char *add(int a, int b)
{
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
  return 0;
}
""",
        "MAX SQ node color RED GREEN hook table add",
        (
            ("add", "function", "static char *add(int a, int b)", "Adds."),
            ("color", "enum", "enum color", ""),
        ),
    ),
    "cpp": Sample(
        "a.cc",
        """\
namespace n {
template <typename T>
class A : public B {
 public:
  int f() { return 1; }
  int declared();
};
}
int n::A<int>::declared() {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
  return 1;
}
bool operator==(const A& a, const A& b) {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
  return true; }
using Al = int;
enum class E { X };
constexpr int K = 1;
""",
        "A f declared operator== Al E X K",
        (
            ("n.A", "class", "class A : public B", ""),
            ("n.A.declared", "method", "int n::A<int>::declared()", ""),
            ("operator==", "function", "bool operator==(const A& a, const A& b)", ""),
        ),
    ),
    "csharp": Sample(
        "a.cs",
        """\
namespace N {
/// <summary>Doc.</summary>
public class A : B {
  const int Max = 1;
  int field;
  public int P { get; set; }
  public A() {}
  public int Run<T>(int a) {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 return a; }
}
interface I { void F(); }
struct S {}
record R(int X);
enum E { One }
delegate void D(int a);
}
""",
        "A Max P Run I F S R E One D",
        (
            ("A", "class", "public class A : B", "Doc."),
            ("A.Run", "method", "public int Run<T>(int a)", ""),
        ),
    ),
    "ruby": Sample(
        "a.rb",
        """\
# Doc.
class A < B
  MAX = 1
  attr_reader :name
  def run(a)
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
    a
  end
  def self.make; end
  alias go run
end
module M::N
  def x?; end
end
""",
        "A MAX name run make go N x?",
        (
            ("A", "class", "class A < B", "Doc."),
            ("A.run", "method", "def run(a)", ""),
            ("M.N", "module", "module M::N", ""),
        ),
    ),
    "php": Sample(
        "a.php",
        """\
<?php
namespace N;
const TOP = 1;
define('DEF', 1);
/** Doc. */
final class A extends B {
  const MAX = 1;
  private $x;
  public function run(int $a): int {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 return $a; }
}
interface I {}
trait T {}
enum E { case One; }
function top() {}
""",
        "TOP DEF A MAX run I T E One top",
        (
            ("A", "class", "final class A extends B", "Doc."),
            ("A.run", "method", "public function run(int $a): int", ""),
        ),
    ),
    "kotlin": Sample(
        "a.kt",
        """\
/** Doc. */
class A(val x: Int) : B() {
  companion object {
    const val MAX = 1
  }
  fun run(a: Int): Int {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 return a
  }
}
interface I {
  fun f()
}
object O
enum class E {
  ONE
}
typealias T = Int
fun String.ext() = 1
val top = 1
""",
        "A MAX run I f O E ONE T ext top",
        (
            ("A", "class", "class A(val x: Int) : B()", "Doc."),
            ("A.run", "method", "fun run(a: Int): Int", ""),
        ),
    ),
    "swift": Sample(
        "a.swift",
        """\
/// Doc.
public class A: B {
  init() {}
  func run(_ a: Int) -> Int {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 return a }
}
struct S {}
enum E { case one, two }
protocol P { func f() }
extension A { func more() {} }
typealias T = Int
let top = 1
actor Act {}
""",
        "A init run S E one two P f more T top Act",
        (
            ("A", "class", "public class A: B", "Doc."),
            ("A.run", "method", "func run(_ a: Int) -> Int", ""),
            ("S", "struct", "struct S", ""),
        ),
    ),
    "scala": Sample(
        "a.scala",
        """\
/** Doc. */
class A(x: Int) extends B {
  val field = 1
  def run(a: Int): Int = {
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
// words that make it longer than the tiniest of all definitions
 a }
}
object O { val Max = 1 }
trait T { def f: Int }
enum E { case One, Two }
def top = 1
type Al = Int
""",
        "A run O Max T f E One Two top Al",
        (
            ("A", "class", "class A(x: Int) extends B", "Doc."),
            ("A.run", "method", "def run(a: Int): Int", ""),
        ),
    ),
    "lua": Sample(
        "a.lua",
        """\
local M = {}
--- Adds.
function M.add(a, b)
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
 return a end
function M:meth()
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
 end
local function loc()
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
 end
M.fn = function() end
""",
        "M add meth loc fn",
        (
            ("M.add", "function", "function M.add(a, b)", "Adds."),
            ("M.meth", "method", "function M:meth()", ""),
        ),
    ),
    "bash": Sample(
        "run",
        """\
#!/usr/bin/env bash
# Says hi.
hi() {
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
# words that make it longer than the tiniest of all definitions
  local x=1
  echo hi
}
function ho { echo; }
TOP=1
export OTHER=2
""",
        "hi ho TOP OTHER",
        (("hi", "function", "hi()", "Says hi."),),
    ),
    "sql": Sample(
        "a.sql",
        """\
-- Who uses it.
CREATE TABLE users (
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
  id INT PRIMARY KEY
);
CREATE VIEW v AS SELECT 1;
CREATE FUNCTION f(a int) RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql;
CREATE INDEX i ON users(id);
""",
        "users v f i",
        (("users", "struct", "CREATE TABLE users", "Who uses it."),),
    ),
    "html": Sample(
        "a.html",
        """\
<html><body>
<h1 id='top'>T</h1>
<input id='in'>
</body></html>
""",
        "top in",
    ),
    "css": Sample(
        "a.css",
        """\
.big, #one > a:hover { color: red; }
@media print { .small { a: b } }
""",
        "big one small",
    ),
    "json": Sample(
        "a.json",
        """\
{"a": 1}""",
        "",
    ),
    "yaml": Sample(
        "a.yml",
        """\
a:
  b: 1
""",
        "",
    ),
    "toml": Sample(
        "a.toml",
        """\
[tool.x]
a = 1
""",
        "",
    ),
    "markdown": Sample(
        "a.md",
        """\
# One

text

Two
---

### Three `x` ###
""",
        "One Two",
    ),
    "haskell": Sample(
        "A.hs",
        """\
module A where
-- | Adds.
add :: Int -> Int
add 0 = 0
add x = x
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
-- words that make it longer than the tiniest of all definitions
data T = One { field :: Int } | Two
newtype N = N Int
type S = String
class C a where
  m :: a
instance C T where
  m = One 1
top = 3
""",
        "add T One field Two N S C m top",
    ),
}


def names(parsed: Parsed) -> list[str]:
    return list(dict.fromkeys(name for name, _ in parsed.definitions))


@pytest.mark.parametrize("language", SAMPLES)
def test_the_definitions_of_a_language_are_found(language: str) -> None:
    sample = SAMPLES[language]
    parsed = chunk(sample.path, sample.source.encode())
    assert parsed.language == language
    assert not parsed.partial
    assert set(sample.names.split()) <= set(names(parsed))
    extra = set(names(parsed)) - set(sample.names.split())
    assert len(extra) <= 1, extra  # a constructor, a heading with a space in it


@pytest.mark.parametrize("language", [name for name, sample in SAMPLES.items() if sample.chunks])
def test_definitions_are_chunks_with_kind_signature_and_documentation(language: str) -> None:
    sample = SAMPLES[language]
    chunks = chunk(sample.path, sample.source.encode()).chunks
    found = {(piece.symbol, piece.kind, piece.signature, piece.doc) for piece in chunks}
    for wanted in sample.chunks:
        assert wanted in found, [piece[:4] for piece in chunks]


def test_every_language_with_a_grammar_has_a_sample_and_loads() -> None:
    assert set(LANGUAGES) - {"vue", "svelte"} == set(SAMPLES)
    for language in LANGUAGES:
        grammar = grammar_of(language)
        assert grammar is not None
        assert grammar.query is not None
        assert version_of(language)


def test_the_long_tail_is_understood_where_its_package_is_there() -> None:
    if grammar_of("elm") is None:
        pytest.skip("tree-sitter-languages is an extra, for Python up to 3.12")
    for language in TAIL:
        assert grammar_of(language) is not None, language
    parsed = chunk("a.f90", b"subroutine area(r)\n  real :: r\n  r = r * r\nend subroutine area\n")
    assert parsed.language == "fortran"
    assert not parsed.partial


def test_a_language_without_a_grammar_is_text_under_its_name() -> None:
    parsed = chunk("a.zig", b"pub fn main() void {}\n")
    assert (parsed.language, parsed.partial, [piece.kind for piece in parsed.chunks]) == ("zig", False, ["text"])


@pytest.mark.parametrize(
    ("path", "data", "language"),
    [
        ("a/B.PY", b"", "python"),
        ("Makefile", b"", "make"),
        ("docker/Dockerfile.test", b"", "dockerfile"),
        ("bin/tool", b"#!/usr/bin/env -S python3.11 -u\n", "python"),
        ("bin/tool", b"#! /bin/sh\n", "bash"),
        ("bin/build", b"#!/bin/bash\n", "bash"),
        ("x/BUILD", b"cc_library()", "python"),
        ("notes", b"words", "text"),
        ("a.unknown", b"", "text"),
        (".gitignore", b"", "text"),
        ("a.h", b"int f(void);\n", "c"),
        ("a.h", b"#pragma once\nnamespace a {}\n", "cpp"),
        ("config.py.in", b"", "python"),
        ("a.d.ts", b"export {}", "typescript"),
        ("de.ts", b"<?xml version='1.0'?>", "xml"),
        ("", b"", "text"),
        ("a.", b"#!", "text"),
    ],
)
def test_a_language_is_told_by_name_then_by_the_first_line(path: str, data: bytes, language: str) -> None:
    assert language_of(path, data) == language
