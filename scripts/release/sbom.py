#!/usr/bin/env python3
"""Writes the release's bill of materials, an SPDX 2.3 document, on standard output.

usage: sbom.py VERSION DIRECTORY < LIST

DIRECTORY is the unpacked release. LIST has a line for each component of others: the source package, its
version, the distribution that it is of (debian-12), the files of the release it is in, and its licence.
The same input gives the same bytes.
"""

import hashlib
import json
import pathlib
import re
import sys
import urllib.parse

CREATED = "1970-01-01T00:00:01Z"


def identifier(kind, name):
    return "SPDXRef-%s-%s" % (kind, re.sub(r"[^A-Za-z0-9.]", "-", name))


def package(name, version, licence):
    return {
        "SPDXID": identifier("Package", name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }


def component(name, version, distribution, licence):
    url = "pkg:deb/debian/%s@%s?arch=source&distro=%s" % (
        name, urllib.parse.quote(version, safe=".~-"), distribution)
    return {
        **package(name, version, licence),
        "supplier": "Organization: Debian",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": url,
        }],
    }


def file(root, path):
    data = path.read_bytes()
    name = str(path.relative_to(root))
    return {
        "SPDXID": identifier("File", name),
        "fileName": "./" + name,
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()},
        ],
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }


def relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def place(name):
    """How LIST names the file: that of a guest for another architecture with its directory."""
    parts = pathlib.PurePath(name).parts
    return "/".join(parts[2:]) if parts[:2] == ("lib", "vmbuild") else parts[-1]


def main(version, root):
    root = pathlib.Path(root)
    components = [line.rstrip("\n").split(" ", 4) for line in sys.stdin]
    files = [file(root, path) for path in sorted(root.rglob("*")) if path.is_file()]
    by_name = {place(entry["fileName"]): entry["SPDXID"] for entry in files}
    own = package("vmbuild", version, "MIT")
    relations = [relation("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    relations += [relation(own["SPDXID"], "CONTAINS", entry["SPDXID"]) for entry in files]
    for name, _, _, places, _ in components:
        relations += [relation(by_name[place], "GENERATED_FROM", identifier("Package", name))
                      for place in places.split(",")]
    digest = hashlib.sha256(json.dumps([files, components]).encode()).hexdigest()
    json.dump({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "vmbuild-" + version,
        "documentNamespace": "urn:vmbuild:%s:%s" % (version, digest),
        "creationInfo": {"created": CREATED, "creators": ["Tool: vmbuild-sbom"]},
        "hasExtractedLicensingInfos": [{
            "licenseId": "LicenseRef-public-domain",
            "extractedText": "liblzma is in the public domain.",
        }],
        "packages": [own] + [component(*entry[:3], entry[4]) for entry in components],
        "files": files,
        "relationships": relations,
    }, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
