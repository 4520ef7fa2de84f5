"""The source code that a user's own task is made of: what of it a training depends on, as a hash, and its
files, which a study keeps.
"""

import ast
import dataclasses
import enum
import functools
import hashlib
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from trainables.data.dataset import is_tensor
from trainables.data.fingerprint import memory

if TYPE_CHECKING:
    from trainables.tasks.base import Task

_OURS = {"trainables", "tuner", "api"}
_INSTALLED = ("site-packages", "dist-packages")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
NOTEBOOK = "notebook.py"  # where code goes that was never in a file


def parts(task: "type[Task]") -> list[Any]:
    """What a task is made of in its author's code: its class, or a module's factory, loss and metrics."""
    recipe = getattr(task, "recipe", None)
    return [task] if recipe is None else [recipe.factory, recipe.loss, *recipe.metrics.values()]


def code_of(task: "type[Task]") -> str:
    """A hash of what a task computes: the source of its parts, of the functions and classes of one's own that
    they use, wherever they are, and the constants that these read. Comments and layout have no influence, nor
    has what else is in the same files.
    """
    recipe = getattr(task, "recipe", None)
    whole = hashlib.blake2b(digest_size=16)
    whole.update(b"" if recipe is None else repr((recipe.target, recipe.samples)).encode())
    for name, text in sorted(_pieces(task).items()):
        whole.update(f"{name}\n".encode())
        whole.update(text)
    return whole.hexdigest()


def files_of(task: "type[Task]") -> dict[str, str]:
    """The text of a task's modules by path, laid out such that they can be imported from the folder that they
    are written to: {"my_model.py": ...}. Where none of it is in a file, NOTEBOOK has what the task uses.
    """
    found = {}
    main = any(getattr(part, "__module__", None) == "__main__" for part in parts(task))
    for module in [*modules_of(task), *([sys.modules["__main__"]] if main else [])]:
        file = Path(getattr(module, "__file__", None) or "")
        if file.suffix == ".py" and file.is_file():
            found[_place(module, file)] = file.read_text(encoding="utf-8", errors="replace")
    if not found:
        texts = [text.decode() for name, text in sorted(_pieces(task).items()) if _SOURCE in name]
        found = {NOTEBOOK: "\n\n".join(texts) + "\n"} if texts else {}
    return found


def _place(module: ModuleType, file: Path) -> str:
    """The path under which a module can be imported by its name."""
    if module.__name__ == "__main__":
        return file.name
    place = module.__name__.replace(".", "/")
    return f"{place}/__init__.py" if file.name == "__init__.py" else f"{place}.py"


def modules_of(task: "type[Task]") -> Iterator[ModuleType]:
    """The modules that a task's code lies in, and those beside it in its folder: what another machine lacks.

    Installed packages are not among them; they must be installed there, too.
    """
    folders = set()
    for part in parts(task):
        file = getattr(sys.modules.get(getattr(part, "__module__", "")), "__file__", None)
        if file is not None and _is_ones_own(Path(file)):
            folders.add(Path(file).absolute().parent)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is None or name == "__main__" or name.partition(".")[0] in _OURS:
            continue
        path = Path(file).absolute()
        if _is_ones_own(path) and not folders.isdisjoint(path.parents):
            yield module


def _is_ones_own(path: Path) -> bool:
    library = Path(inspect.__file__).parent
    return not ({*path.parts} & {*_INSTALLED} or path.is_relative_to(library))


_SOURCE, _PART = "source of ", "part "  # what names of pieces begin with
Named = tuple[str, Any]  # an object, and the name under which it is used


def _pieces(task: "type[Task]") -> dict[str, bytes]:
    """What the parts of a task consist of, and what they use in turn: {what it is: its text or value}."""
    found: dict[str, bytes] = {}
    seen: set[int] = set()
    waiting: list[Named] = [(f"{_PART}{n}", part) for n, part in enumerate(parts(task))]
    while waiting:
        name, thing = waiting.pop()
        if isinstance(thing, _PLAIN):
            found[name] = repr(thing).encode()
        elif id(thing) not in seen:
            seen.add(id(thing))
            piece, used = _piece(name, thing)
            found |= piece
            waiting += used
    return found


def _piece(name: str, thing: Any) -> tuple[dict[str, bytes], list[Named]]:
    """What one object adds, and what it uses."""
    if isinstance(thing, functools.partial):
        given = [*enumerate(thing.args), *thing.keywords.items()]
        return {}, [(f"{name}.func", thing.func), *((f"{name}({key})", value) for key, value in given)]
    if isinstance(thing, MethodType):
        return {}, [(f"{name}.self", thing.__self__), (f"{name}.method", thing.__func__)]
    if isinstance(thing, FunctionType | type):
        return _source(name, thing)
    if hasattr(thing, "__wrapped__"):  # by functools.cache, for one
        return {}, [(name, thing.__wrapped__)]
    if (value := _value(thing)) is not None:
        return {name: value}, []
    # Of other objects only the type counts: what they hold may change while they are used.
    constant = name.startswith(_PART) or dataclasses.is_dataclass(thing) or _is_module(thing)
    return {}, [(f"{name}.type", type(thing)), *(_held(name, thing) if constant else [])]


def _is_module(thing: Any) -> bool:
    """Whether it is a module of torch, which is not imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.nn.Module)


def _held(name: str, thing: Any) -> list[Named]:
    """The attributes of an object; a module keeps its tensors in mappings."""
    found = []
    for key, value in getattr(thing, "__dict__", {}).items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        found += [(f"in {name}.{key}.{k}", v) for k, v in inner]
    return found


def _source(name: str, thing: FunctionType | type) -> tuple[dict[str, bytes], list[Named]]:
    """Of a function or a class: its source, and what of its module it reads; of an installed one its name."""
    there = _namespace(thing)
    full = f"{thing.__module__}.{thing.__qualname__}"
    if not _is_own(there):
        return {name: full.encode()}, []
    functions = _functions(thing)
    codes = [code for function in functions for code in _all_code(function.__code__)]
    used = [pair for function in functions for pair in _bound(function)]
    used += _read(there, {read for code in codes for read in code.co_names})
    if isinstance(thing, type):
        used += [(f"{full}.base", base) for base in thing.__bases__]
        its = ((key, value) for key, value in vars(thing).items() if not key.startswith("_"))
        used += [(f"{full}.{key}", value) for key, value in its if isinstance(value, (type, tuple, *_PLAIN))]
    elif hasattr(thing, "__wrapped__"):
        used.append((f"{full}.wrapped", thing.__wrapped__))
        full = f"{thing.__module__}.{thing.__code__.co_qualname}"  # it bears the name of what it wraps
    if thing.__name__ == "<lambda>":  # its source is whole lines, with all else that is on them
        said = [(code.co_code, code.co_names, _constants(code)) for code in codes]
        return {f"{name} {full}": repr(said).encode()}, used
    text = _text(thing)
    return {full: b""} if text is None else {f"{_SOURCE}{full}": text}, used


def _namespace(thing: FunctionType | type) -> Mapping[str, Any]:
    """The names of the module that a function or a class lies in."""
    if isinstance(thing, FunctionType):
        return thing.__globals__
    return vars(sys.modules[thing.__module__]) if thing.__module__ in sys.modules else {}


def _is_own(module: Mapping[str, Any]) -> bool:
    """Whether a module, given by its names, is the user's: a file of theirs, or a notebook."""
    name, file = module.get("__name__", ""), module.get("__file__")
    if name.partition(".")[0] in _OURS:
        return False
    return name == "__main__" if file is None else _is_ones_own(Path(file))


def _functions(thing: FunctionType | type) -> list[FunctionType]:
    """The function itself, or those in a class's body."""
    if isinstance(thing, FunctionType):
        return [thing]
    waiting, found = list(vars(thing).values()), []
    while waiting:
        one = waiting.pop()
        if isinstance(one, FunctionType):
            found.append(one)
        elif isinstance(one, property):
            waiting += [one.fget, one.fset]
        elif (wrapped := getattr(one, "__wrapped__", None)) is not None:  # a static or a class's method
            waiting.append(wrapped)
    return found


def _all_code(code: CodeType) -> list[CodeType]:
    """A code object and those of the functions in it."""
    return [code, *(c for inner in code.co_consts if isinstance(inner, CodeType) for c in _all_code(inner))]


def _constants(code: CodeType) -> list[Any]:
    plain = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
    return [sorted(c, key=repr) if isinstance(c, frozenset) else c for c in plain]


def _bound(function: FunctionType) -> list[Named]:
    """The values of a function's defaults and of the variables of the functions around it."""
    code = function.__code__
    where = f"{function.__module__}.{code.co_qualname}"
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    found = [(f"{where} default {n}", value) for n, value in enumerate(defaults)]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not assigned yet
            found.append((f"{where} {name}", cell.cell_contents))
    return found


def _read(there: Mapping[str, Any], names: set[str]) -> list[Named]:
    """What code that uses some names reads of its module, and of modules of one's own that it imports."""
    found = []
    for name in sorted(names & {*there}):
        thing = there[name]
        if not isinstance(thing, ModuleType):
            found.append((f"{there['__name__']}.{name}", thing))
        elif _is_own(vars(thing)) and vars(thing) is not there:
            found += _read(vars(thing), names - {name})
    return found


def _text(thing: FunctionType | type) -> bytes | None:
    """Its source without comments and layout; None where there is none."""
    try:
        text = textwrap.dedent(
            inspect.getsource(thing.__code__ if isinstance(thing, FunctionType) else thing)
        )
        return ast.unparse(ast.parse(text)).encode()
    except SyntaxError:
        return text.encode()
    except (OSError, TypeError):
        return _text_in_notebook(thing) if isinstance(thing, type) else None


def _text_in_notebook(thing: type) -> bytes | None:
    """The source of a class of a notebook, which inspect does not find: from the cell with its methods."""
    for function in _functions(thing):
        code = function.__code__
        lines = linecache.getlines(code.co_filename)
        for node in ast.walk(ast.parse("".join(lines))):
            if not (isinstance(node, ast.ClassDef) and node.name == thing.__name__):
                continue
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
                return ast.unparse(node).encode()
    return None


def _value(thing: Any) -> bytes | None:
    """The bytes of a constant: a tensor, an array, or a collection of plain values. None for other objects,
    and for an empty collection: code fills it while it runs.
    """
    if is_tensor(thing) or (type(thing).__module__ == "numpy" and hasattr(thing, "dtype")):
        return repr((str(thing.dtype), tuple(thing.shape))).encode() + bytes(memory(thing))
    if isinstance(thing, enum.Enum) or type(thing).__module__ == "torch":  # torch.float64
        return repr(thing).encode()
    if isinstance(thing, set | frozenset):
        thing = sorted(thing, key=repr)
    plain = isinstance(thing, list | tuple | dict) and thing and _is_plain(thing)
    return repr(thing).encode() if plain else None


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, dict):
        thing = [*thing.keys(), *thing.values()]
    if type(thing) in (list, tuple):
        return all(map(_is_plain, thing))
    return isinstance(thing, _PLAIN)
