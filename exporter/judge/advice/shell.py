"""Shell that goes on only where what came before succeeded, and that never leaves a file half changed."""

from __future__ import annotations

from shlex import quote

NEW = '"$f.new"'
_STAMP = '"$(date +%s)"'


def chain(*commands: str, stop: str = "STOP") -> str:
    """One command that ends at the first failure, and says so; pasted whole, nothing behind a failure is run."""
    return " &&\n  ".join(commands) + f" ||\n  echo {quote(stop)}"


def kept(path: str) -> str:
    """A copy beside the file, one more at each run, of what a link leads to."""
    file = quote(path)
    return f"cp -pL {file} {file}.before.{_STAMP}"


def rewritten(path: str, filtered: str, check: str, *, keep: bool = True) -> str:
    """A file through a filter, and only where ``check`` holds for the outcome; owner, mode and a link stay.

    The new text may hold a key, so nobody else may read it meanwhile. ``keep``: a copy, unless there is one by now.
    """
    copy = f'cp -pL "$f" "$f".before.{_STAMP} && ' if keep else ""
    return (
        f'(umask 077 && f={quote(path)} &&\n    {filtered} "$f" > {NEW} &&\n    {check} &&\n'
        f'    {copy}cat {NEW} > "$f" && rm {NEW})'
    )


def sed(*edits: str) -> str:
    """Edits in extended patterns, as a filter."""
    return "sed -E " + " ".join(f"-e {quote(edit)}" for edit in edits)


def count(pattern: str, times: int, file: str = NEW) -> str:
    """Whether ``times`` lines of the outcome, or of ``file``, match."""
    return f'[ "$(grep -cE {quote(pattern)} {file})" = {times} ]'


def confirmed(question: str) -> str:
    """Whether a person says yes: what no command can look up. A pasted line that follows is no yes."""
    return f"printf '%s ' {quote(question + ' (yes)')} && read -r yes && [ \"$yes\" = yes ]"


def put(source: str, path: str, mode: str) -> str:
    """What was brought over, at its place; a link stays one. Nobody else may read it meanwhile."""
    return f"(umask 077 && cat {source} > {path} && chmod {mode} {path})"


def literal(path: str) -> str:
    """A path within a pattern."""
    return path.replace(".", r"\.")


def aside(path: str) -> str:
    """Out of the way, and not lost: each run has its own name for it."""
    file = quote(path)
    return f"mv {file} {file}.aside.{_STAMP}"


def pair(path: str, key: str = '"$p"') -> tuple[str, ...]:
    """Whether ``$p`` holds a certificate that has not expired, and it or ``key`` the key to it; needs openssl."""
    return (
        f"p={path}",
        'a=$(openssl x509 -noout -pubkey -in "$p")',
        f"b=$(openssl pkey -pubout -in {key})",
        '[ "$a" = "$b" ]',
        'openssl x509 -noout -checkend 0 -enddate -in "$p"',
    )
