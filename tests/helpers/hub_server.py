"""A server that speaks the HTTP protocol of the Hugging Face hub: datasets to fetch, uploads.

It answers what `huggingface_hub` asks: the files of a revision, and their content with ETag, commit,
length and ranges; large files are redirected, as the hub redirects them to its storage. A repository
is created and committed to with the token; its files arrive in the commit.
"""

import base64
import contextlib
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote

LARGE_BYTES = 1000  # files from this size on are kept in the hub's storage
_REVISION = re.compile(r"/api/datasets/(?P<name>[^/]+/[^/]+)/revision/(?P<revision>[^/?]+)")
_UPLOAD = re.compile(
    r"/api/(?P<type>model|dataset)s/(?P<name>[^/]+/[^/]+)/(?P<step>preupload|commit)/main"
)
_RESOLVE = re.compile(
    r"/(?:datasets/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
)


@dataclass
class Hub:
    """The datasets of a hub: (name, revision) → path → content, and what was asked for.

    `gated` are the names of the datasets that need the token `TOKEN`. `stop_after` maps a path to
    the number of its bytes after which nothing more is sent, until `go_on` is set.
    """

    datasets: dict[tuple[str, str], dict[str, bytes]]
    gated: set[str] = field(default_factory=set)
    stop_after: dict[str, int] = field(default_factory=dict)
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    created: list[dict] = field(default_factory=list)
    uploaded: dict[str, dict[str, bytes]] = field(default_factory=dict)
    url: str = ""

    TOKEN = "hf_granted"

    def fetched(self) -> list[str]:
        """Return the paths of the files whose content was asked for, in order of their names."""
        return sorted(path for method, path, _ in self.asked if method == "GET")


@contextlib.contextmanager
def serve(hub: Hub):
    """Run a hub on a free port of this machine; its address is `hub.url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _commit(name: str, revision: str) -> str:
    return hashlib.sha1(f"{name}@{revision}".encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(self.path)
        if found := _REVISION.match(path):
            return self._revision(found["name"], found["revision"])
        if found := _RESOLVE.match(path.removeprefix("/storage")):
            return self._file(found["name"], found["revision"], found["path"])
        return self._refuse(404, "RepoNotFound")

    def do_POST(self):
        """Create a repository, say how its files are uploaded, and take a commit."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Authorization"] != f"Bearer {self.hub.TOKEN}":
            return self._refuse(401, "Unauthorized")
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            self.hub.created.append(asked)
            return self._json({"url": f"{self.hub.url}/{asked['organization']}/{asked['name']}"})
        if self.path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        found = _UPLOAD.match(unquote(self.path))
        if not found:
            return self._refuse(404, "RepoNotFound")
        if found["step"] == "preupload":
            files = json.loads(body)["files"]
            how = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            return self._json({"files": [{"path": file["path"]} | how for file in files]})
        lines = [json.loads(line) for line in body.splitlines()]
        self.hub.uploaded[f"{found['type']}s/{found['name']}"] = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"])
            for line in lines if line["key"] == "file"
        }  # fmt: skip
        commit = _commit(found["name"], "main")
        return self._json(
            {"commitUrl": f"{self.hub.url}/{found['name']}/commit/{commit}", "commitOid": commit}
        )

    def _json(self, content):
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _revision(self, name, revision):
        """Describe a revision: its commit and its files. A gated dataset describes itself too."""
        files = self.hub.datasets.get((name, revision))
        if files is None:
            known = any(name == dataset for dataset, _ in self.hub.datasets)
            return self._refuse(404, "RevisionNotFound" if known else "RepoNotFound")
        content = {
            "id": name,
            "sha": _commit(name, revision),
            "private": False,
            "gated": "manual" if name in self.hub.gated else False,
            "siblings": [{"rfilename": path} for path in files],
        }
        return self._json(content)

    def _file(self, name, revision, path):
        """Send a file, or the part of it that the header Range asks for."""
        found = next(
            (files for (dataset, branch), files in self.hub.datasets.items()
             if dataset == name and revision in (branch, _commit(dataset, branch))), None,
        )  # fmt: skip
        stored = self.path.startswith("/storage")  # such an address is a permission by itself
        token = self.headers["Authorization"]
        if name in self.hub.gated and not stored and token != f"Bearer {self.hub.TOKEN}":
            return self._refuse(403 if token else 401, "GatedRepo")
        if found is None or path not in found:
            return self._refuse(404, "EntryNotFound")
        content = found[path]
        large = len(content) >= LARGE_BYTES
        digest = hashlib.sha256(content) if large else hashlib.sha1(content)
        headers = {"X-Repo-Commit": revision, "ETag": f'"{digest.hexdigest()}"'}
        if large and not stored:
            headers |= {
                "X-Linked-ETag": headers["ETag"],
                "X-Linked-Size": str(len(content)),
                "Location": f"{self.hub.url}/storage{quote(unquote(self.path))}",
            }
            return self._send(302, b"", headers)
        asked_range = self.headers["Range"]
        self.hub.asked.append((self.command, path, asked_range))
        start = int(re.fullmatch(r"bytes=(\d+)-", asked_range)[1]) if asked_range else 0
        if asked_range:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._send(206 if asked_range else 200, content[start:], headers, path)

    def _refuse(self, status, code):
        self._send(status, b"", {"X-Error-Code": code})

    def _send(self, status, body, headers, path=""):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = self.hub.stop_after.get(path, len(body))
        self.wfile.write(body[:limit])
        if limit < len(body):
            self.wfile.flush()
            self.hub.go_on.wait()
            self.close_connection = True
