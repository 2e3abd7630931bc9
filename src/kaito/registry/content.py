"""Files of a folder into a registry and back: as an artifact, and as a container image.

An artifact has one layer a file, named by its title, as `oras` makes them; a large file is cut into
layers that say which part of which file they are. An image has the files under /data.
"""

from kaito.registry.files import LocalFile
from kaito.registry.pull import Pulled, pull_content
from kaito.registry.push import push_content, push_image

__all__ = ("LocalFile", "Pulled", "pull_content", "push_content", "push_image")
