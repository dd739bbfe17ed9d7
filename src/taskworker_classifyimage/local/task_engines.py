"""Engines for tasks, on this machine."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.machine import picture_memory_bytes
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.sandbox.pool import DecoderPool


async def start_engines(
    classifiers: Iterable[Classifier], pool: DecoderPool, compute: Executor, memory: float = 1.0
) -> list[ConcurrentEngine]:
    """An engine for each model, with decoders in common, which are waited for.

    Args:
        classifiers: the models.
        pool: of decoders.
        compute: threads that compute.
        memory: share of the machine's free memory that pictures may take, 0 to 1.

    Raises:
        UserError: no decoder starts.
    """
    await asyncio.to_thread(pool.start)
    # Measured when all is up, so that what the program itself takes does not count.
    budget = MemoryBudget(int(memory * picture_memory_bytes(pool.processes)))
    return [ConcurrentEngine(Engine(each, pool), compute, budget) for each in classifiers]
