"""The story of an event: everything that can be told about it, as plain values.

The theory: an event is a few words, and a learner asks more. What is this hook for, whose method ran and which one did
it hide, who called it and from which line, with what, what came of it, and why? The answers stand in the recording, in
the tables of the lifecycle, in `explain`, and in the source of the classes. A `scene` reads a recording once for all of
them, `words`, `particulars` and `callers` find each its part, and the `storyteller` puts them together.

The law: a story shows what others have said, as data. It has no address, no number of a port or of a line, and no time
in its text, unless they are asked for; so it is the same on every run.
"""

from __future__ import annotations

from socketserver_trace.stories.story import Ancestor, DumpLine, Excerpt, Story
from socketserver_trace.stories.storyteller import Storyteller, stories_of, story_of

__all__ = ["Ancestor", "DumpLine", "Excerpt", "Story", "Storyteller", "stories_of", "story_of"]
