"""The unmodified filestack-python uploads files, in parts and in pieces of parts.

    python upload.py ORIGIN APIKEY FILE LINKS

tests/conformance_filestack.rs runs it behind a front that breaks one part off, which the SDK sends
again with intelligent ingestion alone. Prints the answers, one in a line.
"""

import io
import json
import sys

import filestack

origin, apikey, path, links = sys.argv[1:]


class Here(type(filestack.config)):
    """The SDK's own settings; its hosts are plain attributes or made from CNAME."""

    CDN_URL = origin
    MULTIPART_START_URL = origin + "/multipart/start"


filestack.config.__class__ = Here
client = filestack.Client(apikey)
told = {"location": "s3", "path": "python/", "upload_tags": {"from": "python"}}
filelinks = [
    client.upload(filepath=path, intelligent=True, store_params=dict(told)),
    client.upload(filepath=path, store_params=dict(told)),
    client.upload(file_obj=io.BytesIO(b"small"), store_params={"filename": "small.txt"}),
]
# A link is fetched from where the server reaches it: here, the file that was just sent.
address = f"{links}/{filelinks[0].handle}"
filelinks.append(client.upload_url(address, store_params={"path": "python/"}))
for link in filelinks:
    print(json.dumps(link.upload_response))
