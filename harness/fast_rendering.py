"""Renders the template in a quarter of the time, for tests that render it hundreds of times.

Both changes replace methods of other libraries, as neither has an option for it:

- Jinja compiles each file of the template for each rendering, as copier creates a new environment
  every time, without a `bytecode_cache`. `SandboxedEnvironment.compile` is public; it is called once
  for each text.
- copier asks git for each rendered file whether it is executable, in two processes
  (`Worker._sync_git_index_executable_bit`). On Linux the file system has that information already.

A rendering takes 0.6 s of CPU without and 0.15 s with them (copier 9.19, Jinja 3.1, 110 files).
`tests/repository/test_fast_rendering.py` compares the results, and fails when a method is missing.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from copier._main import Worker
from jinja2.sandbox import SandboxedEnvironment


@contextlib.contextmanager
def fast_rendering() -> Iterator[None]:
    """Render faster within this context; the rendered files are the same."""
    compiled: dict[tuple[Any, ...], Any] = {}
    compile_template = SandboxedEnvironment.compile

    def compile_once(self: SandboxedEnvironment, *template: Any, **names: Any) -> Any:
        key = (self.lexer, *template, *names.items())
        if key not in compiled:
            compiled[key] = compile_template(self, *template, **names)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedEnvironment, "compile", compile_once)
        patch.setattr(Worker, "_sync_git_index_executable_bit", lambda *_: None)
        yield
