"""Debian's nginx with the site of deploy/, on free ports of loopback and with a certificate of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.conftest import ROOT

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
KEPT = Path("/var/lib/nginx")  # where Debian's nginx may keep what it likes
HOST = "annotate.example.org"  # as in the site


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nginx:
    """The site as it is in deploy/nginx.conf, but for ports, certificate and folders."""

    def __init__(self, folder: Path, app_port: int) -> None:
        assert NGINX is not None
        self.folder, self.http, self.https = folder, free_port(), free_port()
        (folder / "cache").mkdir(parents=True)
        self.certificate = folder / "fullchain.pem"
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={HOST}"]
        made += ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(folder / "privkey.pem")]
        subprocess.run([*made, "-out", str(self.certificate)], check=True, capture_output=True)
        site = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        site = re.sub(r"\n *listen \[::\].*", "", site)
        for here, there in {
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
            f"/etc/letsencrypt/live/{HOST}": str(folder),
            f"{KEPT}/gatherset": str(folder / "cache"),
            "/var/www/html": str(folder / "html"),
            "127.0.0.1:8501": f"127.0.0.1:{app_port}",
        }.items():
            assert here in site
            site = site.replace(here, there)
        user = "user root;\n" if os.getuid() == 0 else ""  # the folders of a test are its owner's alone
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        text = f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        text += f"http {{\naccess_log {folder}/access.log;\n{places}{site}}}\n"
        (folder / "nginx.conf").write_text(text, encoding="utf-8")

    def start(self) -> None:
        command = [str(NGINX), "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf"]
        self.process = subprocess.Popen(command)
        for _ in range(1200):
            assert self.process.poll() is None, (self.folder / "error.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.https), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("nginx does not answer")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    @property
    def rules(self) -> str:
        """What makes Chromium find the site under its name."""
        places = {80: self.http, 443: self.https}
        return ", ".join(f"MAP {HOST}:{port} 127.0.0.1:{here}" for port, here in places.items())
