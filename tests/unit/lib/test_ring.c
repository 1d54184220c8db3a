/* Bytes that go from one thread through a ring to two others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/ring.h"

#define TOTAL (20 * RING_PIECE_SIZE + 7) /* more than the ring holds */

struct reader {
    struct ring *ring;
    unsigned int number;
    struct buffer got;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    const char *piece;
    size_t length;

    while ((piece = ring_next(reader->ring, reader->number, &length)) != NULL)
        buffer_append(&reader->got, piece, length);
    return NULL;
}

static void *read_one_and_leave(void *argument)
{
    struct reader *reader = argument;
    size_t length;

    (void)ring_next(reader->ring, reader->number, &length);
    ring_leave(reader->ring, reader->number);
    return NULL;
}

/* Writes TOTAL bytes in pieces that do not fit the ring's, and ends. Returns them; the caller's. */
static char *write_all(struct ring *ring)
{
    char *bytes = xcalloc(TOTAL, 1);

    for (size_t i = 0; i < TOTAL; i++)
        bytes[i] = (char)(i * 2654435761u >> 24);
    for (size_t done = 0, part; done < TOTAL; done += part) {
        part = TOTAL - done < 300001 ? TOTAL - done : 300001;
        assert_null(ring_write(ring, bytes + done, part));
    }
    assert_null(ring_flush(ring));
    assert_null(ring_flush(ring));
    ring_end(ring);
    return bytes;
}

static void assert_got(struct reader *reader, const char *bytes)
{
    assert_int_equal(reader->got.length, TOTAL);
    assert_memory_equal(reader->got.data, bytes, TOTAL);
    buffer_free(&reader->got);
}

static void test_each_consumer_gets_all(void **state)
{
    struct ring *ring = ring_new(2, (struct sink){0});
    struct reader readers[] = {{.ring = ring, .number = 0}, {.ring = ring, .number = 1}};
    pthread_t threads[2];

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    CLEANUP(freep) char *bytes = write_all(ring);

    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_got(&readers[i], bytes);
    }
    ring_free(ring);
}

static void test_one_who_leaves_holds_nobody_up(void **state)
{
    struct ring *ring = ring_new(2, (struct sink){0});
    struct reader stays = {.ring = ring, .number = 0}, leaves = {.ring = ring, .number = 1};
    pthread_t threads[2];

    (void)state;
    assert_int_equal(pthread_create(&threads[0], NULL, read_all, &stays), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, read_one_and_leave, &leaves), 0);
    CLEANUP(freep) char *bytes = write_all(ring);

    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_got(&stays, bytes);
    ring_free(ring);
}

static struct error *count_pieces(void *context, const void *bytes, size_t length)
{
    size_t *pieces = context;

    (void)bytes;
    assert_true(length == RING_PIECE_SIZE || length == 7);
    return ++*pieces > 21 ? error_new(EXIT_OTHER, "too many pieces") : NULL;
}

static void test_first_is_given_each_piece_and_may_fail(void **state)
{
    size_t pieces = 0;
    struct ring *ring = ring_new(1, (struct sink){count_pieces, &pieces});
    struct reader reader = {.ring = ring};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    CLEANUP(freep) char *bytes = write_all(ring);

    pthread_join(thread, NULL);
    assert_got(&reader, bytes);
    assert_int_equal(pieces, 21);
    assert_null(ring_write(ring, "1234567", 7));
    struct error *err = ring_flush(ring);

    assert_string_equal(err->message, "too many pieces");
    error_free(err);
    ring_free(ring);
}

/* Zeros come in the order of the stream, and are known as such. */
static void test_zeros(void **state)
{
    struct ring *ring = ring_new(1, (struct sink){0});
    size_t length = 0;

    (void)state;
    assert_null(ring_write(ring, "ab", 2));
    assert_null(ring_skip(ring, RING_PIECE_SIZE + 5));
    assert_null(ring_write(ring, "c", 1));
    assert_null(ring_flush(ring));
    ring_end(ring);
    const char *piece = ring_next(ring, 0, &length);

    assert_int_equal(length, 2);
    assert_memory_equal(piece, "ab", 2);
    assert_false(ring_is_zeros(piece));
    for (size_t i = 0; i < 2; i++) {
        piece = ring_next(ring, 0, &length);
        assert_int_equal(length, i == 0 ? RING_PIECE_SIZE : 5);
        assert_true(ring_is_zeros(piece));
        assert_int_equal(piece[length - 1], 0);
    }
    piece = ring_next(ring, 0, &length);
    assert_int_equal(length, 1);
    assert_int_equal(*piece, 'c');
    assert_null(ring_next(ring, 0, &length));
    ring_free(ring);
}

static void test_nothing(void **state)
{
    struct ring *ring = ring_new(1, (struct sink){0});
    size_t length;

    (void)state;
    assert_null(ring_write(ring, "", 0));
    assert_null(ring_flush(ring));
    ring_end(ring);
    assert_null(ring_next(ring, 0, &length));
    ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_consumer_gets_all),
        cmocka_unit_test(test_one_who_leaves_holds_nobody_up),
        cmocka_unit_test(test_first_is_given_each_piece_and_may_fail),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
