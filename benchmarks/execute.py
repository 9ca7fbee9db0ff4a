"""Run SQL on the database that DATABASE_URL names, the further arguments as its parameter."""

import asyncio
import os
import sys

import asyncpg


async def execute(statement: str, parameter: list[str]) -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        await connection.execute(statement, parameter)
    finally:
        await connection.close()


asyncio.run(execute(sys.argv[1], sys.argv[2:]))
