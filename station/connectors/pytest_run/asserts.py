"""What the assert statements of a test measure, read from its source.

Source: contract/run-json.md §6.3. Only what stands in the body of the test function itself counts: there an assert is
executed once or not at all, and a name that is assigned once has one value.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import operator
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..common.values import has_nan, plain

_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
_CHECKS: dict[str, Any] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "in": lambda value, allowed: value in allowed,
}  # fmt: skip
_WITH_UNIT = re.compile(r"\s*(.*?)\s*\[([^\]]+)\]\s*", re.DOTALL)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
           ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)  # fmt: skip
_NOT_LITERAL = object()


class Limit:
    """One bound of an assert statement. ``line``: where that statement begins."""

    def __init__(self, sign: str, expected: Any, line: int) -> None:
        self.sign = sign
        self.expected = expected
        self.line = line

    def told(self, outcome: str = "UNSET") -> dict[str, Any]:
        """As the station's protocol has it."""
        words = ", ".join(map(_shown, self.expected)) if self.sign == "in" else _shown(self.expected)
        return {
            "operator": self.sign,
            "expected_value": self.expected,
            "expression": f"{self.sign} {words}",
            "outcome": outcome,
        }

    def judge(self, value: Any) -> str:
        """The verdict on a value. What cannot be compared does not pass, nor does what is no number."""
        try:
            return "PASS" if not has_nan(value) and _CHECKS[self.sign](value, self.expected) else "FAIL"
        except Exception:  # noqa: BLE001 - comparing a user's values runs a user's code
            return "FAIL"


class Asserted:
    """One name that a test asserts something of: a measurement."""

    def __init__(self, name: str, message: str | None) -> None:
        self.name = name
        self.limits: list[Limit] = []
        found = _WITH_UNIT.fullmatch(message or "")
        self._docstring = (found.group(1) if found else message) or None
        self._units = found.group(2) if found else None

    def declared(self) -> dict[str, Any]:
        """The measurement before its test."""
        return self._told([limit.told() for limit in self.limits])

    def measured(self, values: dict[str, Any], end_line: int | None) -> dict[str, Any]:
        """The measurement after its test. ``values``: of the test's names; one that was never assigned has no verdict.

        ``end_line``: where a test that passed returned, so that asserts behind that line judge nothing.
        """
        if self.name not in values:
            return {**self.declared(), "measured_value": None}
        value = values[self.name]
        outcomes = [
            "UNSET" if end_line is not None and limit.line > end_line else limit.judge(value) for limit in self.limits
        ]
        verdict = "FAIL" if "FAIL" in outcomes else "PASS" if "PASS" in outcomes else "UNSET"
        told = self._told([limit.told(outcomes[index]) for index, limit in enumerate(self.limits)])
        return {**told, "measured_value": _recorded(value), "outcome": verdict}

    def _told(self, validators: list[dict[str, Any]]) -> dict[str, Any]:
        told: dict[str, Any] = {"name": self.name, "validators": validators}
        if self._units:
            told["units"] = self._units
        if self._docstring:
            told["docstring"] = self._docstring
        return told


def asserted_by(function: Any) -> list[Asserted]:
    """The measurements of a test function; none where its source cannot be read."""
    code = getattr(function, "__code__", None)
    if code is None or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return []
    try:
        tree = _parsed(code.co_filename)
    except (OSError, ValueError, SyntaxError):
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _first_line(node) == code.co_firstlineno:
            return _asserted_in(node)
    return []


@functools.lru_cache(maxsize=256)
def _parsed(path: str) -> ast.Module:
    return ast.parse(Path(path).read_bytes(), path)


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _asserted_in(function: ast.FunctionDef) -> list[Asserted]:
    once = _assigned_once(function)
    found: dict[str, Asserted] = {}
    for statement in function.body:
        if not isinstance(statement, ast.Assert) or not isinstance(statement.test, ast.Compare):
            continue
        name, bounds = _bounds(statement.test)
        if name in once and bounds:
            message = statement.msg
            text = message.value if isinstance(message, ast.Constant) and isinstance(message.value, str) else None
            asserted = found.setdefault(name, Asserted(name, text))
            asserted.limits += [Limit(sign, expected, statement.lineno) for sign, expected in bounds]
    return list(found.values())


def _assigned_once(function: ast.FunctionDef) -> set[str]:
    plainly = [
        statement.targets[0].id
        for statement in function.body
        if isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
    ]
    bound = list(_bound_names(function))
    return {name for name in plainly if bound.count(name) == 1}


def _bound_names(function: ast.FunctionDef) -> Iterator[str]:
    """Every place in the function, not in scopes within it, that gives a name a value."""
    arguments = function.args
    every = [*arguments.args, *arguments.kwonlyargs, *getattr(arguments, "posonlyargs", ())]
    yield from (one.arg for one in [*every, arguments.vararg, arguments.kwarg] if one is not None)
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from [*node.names, *node.names]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, _SCOPES):
            yield from _escaping_names(node)
            continue
        elif isinstance(getattr(node, "name", None), str):  # an exception, or what a pattern captures
            yield node.name  # type: ignore[attr-defined]
        waiting += ast.iter_child_nodes(node)


def _escaping_names(scope: ast.AST) -> Iterator[str]:
    """What a scope within the function binds in the function."""
    if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield scope.name
    for node in ast.walk(scope):
        if isinstance(node, ast.Nonlocal):
            yield from node.names
        elif isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name):
            yield node.target.id


def _bounds(test: ast.Compare) -> tuple[str, list[tuple[str, Any]]]:
    """The name that a comparison is about, with its bounds; no bounds where it is none of the forms."""
    left, right = test.left, test.comparators[0]
    if len(test.ops) == 2:
        first, second = (_SIGNS.get(type(one)) for one in test.ops)
        low, high = _number(left), _number(test.comparators[1])
        is_range = first in ("<", "<=", ">", ">=") and second is not None and second[0] == first[0]
        if is_range and isinstance(right, ast.Name) and _NOT_LITERAL not in (low, high):
            return right.id, [(_MIRRORED[str(first)], low), (str(second), high)]
        return "", []
    if len(test.ops) != 1:
        return "", []
    sign = _SIGNS.get(type(test.ops[0]))
    if isinstance(left, ast.Name):
        if isinstance(test.ops[0], ast.In):
            return left.id, _choices(right)
        return left.id, _one_bound(sign, right)
    if isinstance(right, ast.Name) and sign is not None:
        return right.id, _one_bound(_MIRRORED[sign], left)
    return "", []


def _one_bound(sign: str | None, node: ast.expr) -> list[tuple[str, Any]]:
    if sign is None:
        return []
    if sign == "==" and isinstance(node, ast.Constant) and isinstance(node.value, (str, bool)):
        return [(sign, node.value)]
    if sign == "==" and isinstance(node, ast.Call):
        return _around(node)
    number = _number(node)
    return [] if number is _NOT_LITERAL else [(sign, number)]


def _around(call: ast.Call) -> list[tuple[str, Any]]:
    """``pytest.approx(n, abs=k)``: from n - k to n + k, computed as they are written."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name != "approx" or len(call.args) != 1 or [one.arg for one in call.keywords] != ["abs"]:
        return []
    middle, reach = _number(call.args[0]), _number(call.keywords[0].value)
    if _NOT_LITERAL in (middle, reach):
        return []
    low, high = (float(Decimal(repr(middle)) + sign * Decimal(repr(reach))) for sign in (-1, 1))
    return [(">=", low), ("<=", high)]


def _choices(node: ast.expr) -> list[tuple[str, Any]]:
    if not isinstance(node, (ast.Tuple, ast.List)):
        return []
    values = [
        one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else _number(one) for one in node.elts
    ]
    return [("in", values)] if values and _NOT_LITERAL not in values else []


def _number(node: ast.expr) -> Any:
    """A number that is written down, with its sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        number = _number(node.operand)
        return -number if number is not _NOT_LITERAL and isinstance(node.op, ast.USub) else number
    value: Any = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if type(value) in (int, float) and math.isfinite(value) else _NOT_LITERAL


def _recorded(value: Any) -> Any:
    found = plain(value)
    return float(found) if isinstance(found, int) and not isinstance(found, bool) else found


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
