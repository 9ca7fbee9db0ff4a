"""Faults in answers that are kept: whom they are shown to, and when they are void."""

from tests.attacks.faults.fault import Fault

ASKED = "app/api/dependencies/cache.py"
CACHE = "app/core/cache.py"
TESTS = "test_cached_answers.py"
KEYS = "test_cache_keys.py"

FAULTS = (
    Fault(
        "an answer is kept for everybody",
        ASKED,
        'who = "all" if shared else',
        'who = "all" if not shared else',
        (f"{TESTS}::test_nobody_sees_what_is_kept_for_another",),
    ),
    Fault(
        "the order of a query doesn't count",
        ASKED,
        "multi_items(), key=itemgetter(0))",
        "multi_items())",
        (f"{TESTS}::test_no_query_gets_the_page_of_another[/api/v1/items]",),
    ),
    Fault(
        "an answer outlives a write",
        CACHE,
        "if mark and head == stamps:",
        "if mark:",
        (f"{TESTS}::test_a_write_is_in_the_very_next_answer_of_the_other_process",),
    ),
    Fault(
        "an entry holds anything",
        CACHE,
        "if mark and head == stamps:",
        "if head == stamps:",
        (f"{KEYS}::test_what_is_no_entry_is_none[no text]",),
    ),
    Fault(
        "not everybody waits for who reads",
        CACHE,
        "name = (key, stamps)",
        "name = (key, str(self.misses % 3).encode())",
        (f"{TESTS}::test_many_who_read_at_once_ask_the_database_little",),
    ),
    Fault(
        "an admin deletes any key",
        CACHE,
        'unlink(f"{ENTRY}{key}")',
        "unlink(key, f'{ENTRY}{key}')",
        (f"{KEYS}::test_an_admin_deletes_entries_and_nothing_else",),
    ),
    Fault(
        "anybody empties the cache",
        "app/api/v1/routes/cache.py",
        "async def clear_cache(_: CacheManager, cache",
        "async def clear_cache(cache",
        ("test_access.py::test_access[POST /api/v1/cache/clear]",),
    ),
)
