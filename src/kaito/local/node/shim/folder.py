"""The files of one run, as the shim writes them: each appears whole or not at all."""

import fcntl
import os


class RunFolder:
    """The folder of one run, by descriptor: it keeps working if a folder above is renamed."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def open(self, name: str, flags: int) -> int:
        """Open or create one of its files."""
        return os.open(name, flags | os.O_CREAT, 0o640, dir_fd=self.fd)

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        fd = self.open(f"{name}.new", os.O_WRONLY | os.O_TRUNC)
        os.write(fd, text.encode())
        os.close(fd)
        self.rename(f"{name}.new", name)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, replacing what is there."""
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def lock(self) -> bool:
        """Hold the lock for life; False when the run was given up before we got here."""
        fd = self.open("lock", os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return os.fstat(fd).st_size == 0
