/*
 * Transfers: a library call that reads a named file, joined by a pipe and a thread to a stream of
 * ours. The call runs in the calling thread, PRODUCE in the other. Whichever side fails first stops
 * the other one. SIGPIPE must be ignored, as it is in the worker process.
 */
#ifndef VMBUILD_GUEST_FEED_H
#define VMBUILD_GUEST_FEED_H

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct guest_feed {
    int (*call)(void *context, const char *path); /* reads the whole of the file PATH; below 0: it
                                                     failed */
    void (*cancel)(void *context); /* makes the running call fail; called from the other thread */
    void *context;
};

/* Lets the call read what PRODUCE(PRODUCER, sink) writes. Errors: PRODUCE's own, or of the pipe.
 * *RET_RESULT is what the call returned, which is all there is to know where NULL is returned. */
[[nodiscard]] struct error *guest_feed_send(const struct guest_feed *feed,
                                            struct error *(*produce)(void *context,
                                                                     struct sink sink),
                                            void *producer, int *ret_result);

#endif
