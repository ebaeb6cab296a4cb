"""Pages that need nothing but themselves: the frame of a page, the pad to draw a digit on, and the server that shows it."""

from lockstep.page.document import document
from lockstep.page.drawing import Drawing

__all__ = ["Drawing", "document"]
