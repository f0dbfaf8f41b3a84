"""The peer: the same web framework and database without consent, sealing, events or ledger. One table, one row a note."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI, HTTPException, Request

POOL = 16


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["PEER_DATABASE"], min_size=4, max_size=POOL)
    await app.state.pool.execute("CREATE TABLE IF NOT EXISTS note (id uuid PRIMARY KEY, author text, sections text)")
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/notes", status_code=201)
async def create(request: Request) -> dict[str, Any]:
    body, note_id = await request.json(), uuid4()
    await app.state.pool.execute("INSERT INTO note VALUES ($1, $2, $3)", note_id, "x", json.dumps(body["sections"]))
    return {"id": str(note_id)}


@app.get("/notes/{note_id}")
async def read(note_id: UUID) -> dict[str, Any]:
    row = await app.state.pool.fetchrow("SELECT author, sections FROM note WHERE id = $1", note_id)
    if row is None:
        raise HTTPException(404)
    return {"id": str(note_id), "author": row["author"], "sections": json.loads(row["sections"])}
