"""Requests wait in lanes of their own, so many and no more; whoever comes after that is told when to come back."""

import asyncio
import threading

import pytest

from casbah.errors import BusyError
from casbah.http.thread_pools import ThreadPool


def test_past_the_queue_it_is_busy_and_free_again_afterwards():
    async def play():
        pool, release = ThreadPool("test", threads=1, waiting=2), threading.Event()
        inside = [asyncio.ensure_future(pool.run(release.wait, 10)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError) as busy:
            await pool.run(lambda: None)
        release.set()
        assert await asyncio.gather(*inside) == [True] * 3
        assert await pool.run(lambda: "done") == "done"
        pool.close()
        return busy.value

    error = asyncio.run(play())
    assert (error.status, error.headers["Retry-After"]) == (503, "1")


def test_one_tenant_may_only_take_so_much():
    async def play():
        pool, release = ThreadPool("test", threads=1, waiting=5, per_tenant=2), threading.Event()
        inside = [asyncio.ensure_future(pool.run(release.wait, 10, tenant="a")) for _ in range(2)]
        await asyncio.sleep(0.05)
        with pytest.raises(BusyError):
            await pool.run(lambda: None, tenant="a")
        inside += [asyncio.ensure_future(pool.run(release.wait, 10, tenant=tenant)) for tenant in ("b", "")]
        await asyncio.sleep(0.05)
        release.set()
        assert await asyncio.gather(*inside) == [True] * 4
        assert await pool.run(lambda: "done", tenant="a") == "done"
        pool.close()

    asyncio.run(play())


def test_those_who_gave_up_leave_their_place():
    async def play():
        pool, release = ThreadPool("test", threads=1, waiting=1), threading.Event()
        first = asyncio.ensure_future(pool.run(release.wait, 10))
        second = asyncio.ensure_future(pool.run(lambda: "never begun"))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0.05)
        third = asyncio.ensure_future(pool.run(lambda: "third"))
        await asyncio.sleep(0)
        release.set()
        assert await first
        assert await third == "third"
        pool.close()

    asyncio.run(play())


def test_a_call_counts_until_it_ends_although_nobody_waits():
    async def play():
        pool, begun, release = ThreadPool("test", threads=1, waiting=0), threading.Event(), threading.Event()
        call = asyncio.ensure_future(pool.run(lambda: begun.set() or release.wait(60), tenant="a"))
        assert await asyncio.to_thread(begun.wait, 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert pool.in_flight == 1
        with pytest.raises(BusyError):
            await pool.run(lambda: None)
        release.set()
        pool.close()  # Waits for the call.
        await asyncio.sleep(0)
        assert pool.in_flight == 0

    asyncio.run(play())


def test_a_call_that_gets_no_thread_does_not_count():
    async def play():
        pool = ThreadPool("test", threads=1, waiting=0)
        pool.close()
        with pytest.raises(RuntimeError):
            await pool.run(lambda: None, tenant="a")
        assert pool.in_flight == 0

    asyncio.run(play())


def test_an_error_in_the_thread_is_the_callers():
    async def play():
        pool = ThreadPool("test", threads=1, waiting=1)
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0)
        assert await pool.run(lambda: 1) == 1
        pool.close()

    asyncio.run(play())
