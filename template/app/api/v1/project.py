"""Route groups of this project: include each here.

The file is yours; template updates never touch it.
"""

from fastapi import APIRouter

router = APIRouter()
