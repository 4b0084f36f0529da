"""What a page that shows one scene must be told to show another.

A drawing in causal order is laid out anew each time, because what comes may belong between what was there. Most of it
is as it was, so only what differs is told.

The law: pure, from two scenes (`paint.scene`) to a message.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Scene = dict[str, Any]


def difference(old: Scene | None, new: Scene) -> Scene:
    """The rows, bars, columns and remarks that differ; the whole of it where the old one is no beginning of it."""
    if old is None or len(new["rows"]) < len(old["rows"]) or _lifelines(old) != _lifelines(new):
        return new | {"reset": True, "first": 0}
    shared = len(old["rows"])
    changed = {
        str(number): new["rows"][number] for number in range(shared) if new["rows"][number] != old["rows"][number]
    }
    told: Scene = {}
    if len(new["rows"]) > shared:
        told |= {"first": shared, "rows": new["rows"][shared:]}
    if changed:
        told["changed"] = changed
    if bars := _bars(old["bars"], new["bars"]):
        told["bars"] = bars
    if (old["columns"], old["groups"], old["title"]) != (new["columns"], new["groups"], new["title"]):
        told |= {key: new[key] for key in ("columns", "groups", "title")}
    if old["remarks"] != new["remarks"]:
        told["remarks"] = new["remarks"]
    return told


def _lifelines(scene: Scene) -> list[tuple[Any, ...]]:
    """Which column is whose: where that changes, every row means something else."""
    return [
        (number, kind, lane, name) for number, name, _title, _subtitle, kind, _inferred, _room, lane in scene["columns"]
    ]


def _bars(old: list[list[Any]], new: list[list[Any]]) -> list[list[Any]]:
    """The bars that are new or other, and those that are gone: a bar that ends where it begins is none."""
    before = {tuple(bar[:3]): bar for bar in old}
    now = {tuple(bar[:3]): bar for bar in new}
    gone = [[*key, key[2], before[key][4], 0] for key in before.keys() - now.keys()]
    return [bar for key, bar in now.items() if before.get(key) != bar] + sorted(gone)
