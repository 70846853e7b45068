"""Model packs: fetched from registries by pinned hash, prepared, verified, imported.

A pack is a folder with an insightface manifest V2. Nothing here opens a picture.
"""

from service.vision.packs.card import card_text, write_card
from service.vision.packs.checking import ListedPack, VerifiedPack, list_packs, verify_pack
from service.vision.packs.errors import PackError, PackInvalid, PackMissing, WrongHash
from service.vision.packs.fetch import FetchedPack, fetch_default
from service.vision.packs.importing import NON_COMMERCIAL_EN, NON_COMMERCIAL_ZH, ImportedPack, import_pack
from service.vision.packs.manifest import (
    CARD,
    LICENCE,
    MANIFEST,
    PackInput,
    PackManifest,
    PackPart,
    pack_hash,
    read_manifest,
)
from service.vision.packs.pictures import TestPictures, fetch_test_pictures
from service.vision.packs.progress import Progress, silent
from service.vision.packs.recipe import DEFAULT_PACK
from service.vision.packs.sources import default_cache

__all__ = [
    "CARD",
    "DEFAULT_PACK",
    "LICENCE",
    "MANIFEST",
    "NON_COMMERCIAL_EN",
    "NON_COMMERCIAL_ZH",
    "FetchedPack",
    "ImportedPack",
    "ListedPack",
    "PackError",
    "PackInput",
    "PackInvalid",
    "PackManifest",
    "PackMissing",
    "PackPart",
    "Progress",
    "TestPictures",
    "VerifiedPack",
    "WrongHash",
    "card_text",
    "default_cache",
    "fetch_default",
    "fetch_test_pictures",
    "import_pack",
    "list_packs",
    "pack_hash",
    "read_manifest",
    "silent",
    "verify_pack",
    "write_card",
]
