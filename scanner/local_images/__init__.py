"""Images on this machine behind the `Registry` port: layouts, and the archives that tools write.

They are as hostile as those of a registry: every digest and diff_id is verified, nothing is
followed out of the folder or archive that was named, and nothing is written but unpacked layers.
"""

from scanner.local_images.contents import LocalContents, open_image
from scanner.local_images.registry import REGISTRY, LocalRegistry

__all__ = ["REGISTRY", "LocalContents", "LocalRegistry", "open_image"]
