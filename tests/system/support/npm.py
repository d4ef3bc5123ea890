"""A program for Node with its packages, installed in the build directory."""

import os
import shutil
import subprocess


class InstalledPackages:
    """Copies of `source`'s files with node_modules beside them; installed anew only on a change."""

    def __init__(self, source, build_directory, name):
        self.source = source
        self.directory = os.path.join(build_directory, name)
        os.makedirs(self.directory, exist_ok=True)
        for file in os.listdir(source):
            if file.endswith(".js"):
                shutil.copy(os.path.join(source, file), self.directory)
        lock = self._copy("package-lock.json")
        for file in ("package.json", ".npmrc"):
            self._copy(file)
        done = os.path.join(self.directory, "installed-lock.json")
        if self._read(done) == lock:
            return
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--loglevel=error"],
            cwd=self.directory,
            check=True,
            timeout=240,
        )
        with open(done, "wb") as file:
            file.write(lock)

    def _copy(self, name):
        shutil.copy(os.path.join(self.source, name), self.directory)
        return self._read(os.path.join(self.directory, name))

    def _read(self, path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
