"""The unmodified filestack-python reads, looks at, stores and deletes files of our server.

    python check.py SCENE.json

The scene is written by tests/conformance_filestack.rs.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import filestack
from filestack import Filelink, Security, helpers
from filestack.exceptions import FilestackHTTPError

scene = json.loads(Path(sys.argv[1]).read_text())
picture = Path(scene["picture"]).read_bytes()


class Here(type(filestack.config)):
    """The SDK's own settings; its hosts are plain attributes or made from CNAME over https."""

    API_URL = scene["url"] + "/api"
    CDN_URL = scene["url"]


filestack.config.__class__ = Here


def later():
    return int(time.time()) + 600


def allowing(app, *calls, **more):
    return Security({"expiry": later(), "call": list(calls), **more}, app["secret"])


def refused(work, *words):
    try:
        work()
    except FilestackHTTPError as error:
        told = json.loads(str(error))
        assert {"error", "c", "i", "t"} <= told.keys(), told
        for word in words:
            assert word in told["error"], told
        return
    raise AssertionError("it was allowed")


def reading(app, handle):
    link = Filelink(handle, apikey=app["apikey"])
    assert link.get_content() == picture
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "picture.png"
        assert link.download(str(target)) == len(picture)
        assert target.read_bytes() == picture
    signed = allowing(app, "read")
    assert link.get_content(security=signed) == picture
    assert link.metadata()["filename"] == "harbor.png"
    told = link.metadata(["size", "width", "md5"])
    assert told["size"] == len(picture) and told["width"] == 30 and len(told["md5"]) == 32, told
    refused(lambda: Filelink("A" * 20).get_content())
    refused(lambda: link.metadata(["exif"]), "exif")


def storing(app, handle):
    link = Filelink(handle, apikey=app["apikey"])
    copy = link.store(path="copies/", filename="copy.png", access="private")
    assert copy.handle != handle
    assert copy.get_content() == picture
    assert copy.metadata()["filename"] == "copy.png"
    # A link is fetched from where the server reaches it: here, the file itself.
    client = filestack.Client(app["apikey"])
    address = scene["url"] + "/" + handle + "?dl=true"
    stored = client.transform_external(address).store(location="s3", path="links/")
    assert stored.get_content() == picture
    told = client.upload_url(address, store_params={"path": "links/"})
    assert told.upload_response["key"].startswith("links/"), told.upload_response


def storing_with_policies(app, handle):
    link = Filelink(handle, apikey=app["apikey"], security=allowing(app, "read", "store"))
    # This SDK keeps its policy to itself when it stores.
    refused(lambda: link.store(path="copies/"), "policy")
    address = scene["url"] + "/" + handle
    client = filestack.Client(app["apikey"], security=allowing(app, "store"))
    refused(lambda: filestack.Client(app["apikey"]).upload_url(address), "policy")
    # The server reads its own file as any stranger would.
    refused(lambda: client.upload_url(address), "403")
    address = scene["url"] + "/" + scene["open"]["handle"]
    told = client.upload_url(address, store_params={"path": "links/"})
    assert told.get_content(security=allowing(app, "read")) == picture


def policies(app, handle):
    link = Filelink(handle, apikey=app["apikey"])
    refused(link.get_content)
    refused(link.metadata)
    # The mark makes both base64 alphabets differ; this SDK uses the one for URLs.
    read = allowing(app, "read", mark="?>?>~~~???>>>")
    assert "-" in read.policy_b64 or "_" in read.policy_b64
    assert link.get_content(security=read) == picture
    refused(lambda: link.metadata(security=read), "Stat")
    assert link.metadata(["size"], security=allowing(app, "stat"))["size"] == len(picture)
    expired = Security({"expiry": 1, "call": ["read"]}, app["secret"])
    refused(lambda: link.get_content(security=expired), "The signature has expired")
    other = allowing(app, "read", handle="A" * 20)
    refused(lambda: link.get_content(security=other), "handle")
    forged = Security({"expiry": later(), "call": ["read"]}, "wrong")
    refused(lambda: link.get_content(security=forged), "signature")


def changing(app, handle):
    link = Filelink(handle, apikey=app["apikey"])
    with tempfile.NamedTemporaryFile() as other:
        other.write(b"other bytes")
        other.flush()
        link.overwrite(filepath=other.name, security=allowing(app, "write"))
    assert link.get_content() == b"other bytes"
    refused(lambda: link.delete(security=allowing(app, "read")), "Remove")
    assert link.get_content() == b"other bytes"
    link.delete(security=allowing(app, "remove"))
    refused(link.get_content)
    refused(lambda: link.delete(security=allowing(app, "remove")))


def webhook(delivery):
    headers = {"FS-Timestamp": delivery["timestamp"], "FS-Signature": delivery["signature"]}
    body = delivery["body"]
    for form in (body, body.encode()):
        result, details = helpers.verify_webhook_signature(delivery["secret"], form, headers)
        assert result, details
    result, _ = helpers.verify_webhook_signature(delivery["secret"], body + " ", headers)
    assert not result
    result, _ = helpers.verify_webhook_signature("other", body, headers)
    assert not result


reading(scene["open"], scene["open"]["handle"])
storing(scene["open"], scene["open"]["handle"])
storing_with_policies(scene["secured"], scene["secured"]["handle"])
policies(scene["secured"], scene["secured"]["handle"])
changing(scene["open"], scene["open"]["handle"])
webhook(scene["delivery"])
