"""The text of a client cell, as a function of its client.

A cell's names are the notebook's: what it assigns is there for the next cell, its functions can call themselves and be
called later. Only `client` is the cell's own, because two cells may run at once, each with another client. So the cell
becomes the body of a function whose one parameter is `client`, whose globals are the notebook's namespace, and in which
every other name that the cell binds is declared global. A function or a comprehension inside sees `client` as any
function sees the names around it, and keeps it.

Its last expression is what the function returns. Its lines are those of the cell, so tracebacks show them. Two things
are different from an ordinary cell: `from module import *` is a SyntaxError, as in any function, and an annotation of
a name (`n: int = 1`) is read over.

The law: nothing of the cell runs here.
"""

from __future__ import annotations

import ast
import symtable
from types import CodeType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

CLIENT: Final = "client"


def function_of(shell: Any, line: str, cell: str, magic: str = CLIENT) -> FunctionType:
    """The cell as a function of its client; SyntaxError as in any cell. `line` is what stands behind the magic."""
    # The first line stands for the magic's, so that the numbers of the lines are those that the reader sees.
    source = f"# %%{magic} {line}\n{shell.transform_cell(cell)}"
    filename = shell.compile.cache(source, shell.execution_count, raw_code=source)
    tree = shell.compile.ast_parse(source, filename)
    shell.compile(tree, filename, "exec")  # a `return` is outside of any function still, and says so
    code = shell.compile(_wrapped(tree, _bound(source, filename)), filename, "exec")
    body = next(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return FunctionType(body, shell.user_ns)


def _bound(source: str, filename: str) -> list[str]:
    """The names that the cell binds, its client aside."""
    symbols = symtable.symtable(source, filename, "exec").get_symbols()
    return sorted(
        symbol.get_name()
        for symbol in symbols
        if symbol.get_name() != CLIENT
        and (symbol.is_assigned() or symbol.is_imported() or symbol.is_declared_global())  # the last: `:=` in a loop
    )


def _wrapped(tree: ast.Module, names: list[str]) -> ast.Module:
    """A module with one function, which has the cell as its body."""
    module = ast.parse(f"def cell({CLIENT}): pass")
    (function,) = module.body
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - for the type checker
    function.name = "<module>"  # as a traceback names what is in no function of the program's
    body = [_Unannotated().visit(statement) for statement in tree.body]
    if body and isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    function.body = [*([ast.Global(names)] if names else []), *(body or [ast.Pass()])]
    return ast.fix_missing_locations(module)


class _Unannotated(ast.NodeTransformer):
    """Takes the annotations off the names of the cell itself: what is declared global cannot have one."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Name):
            return node
        plain = ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
        return ast.copy_location(plain, node)

    def _leave_alone(self, node: ast.AST) -> ast.AST:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _leave_alone  # noqa: N815 - ast calls them by these names
