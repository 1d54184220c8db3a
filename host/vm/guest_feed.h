/*
 * Feeding a library call that reads a file by its path from a stream: the path is that of a pipe in
 * the run directory (/dev/fd would need /proc), which a second thread writes to. The call runs in
 * the calling thread, the producer of the stream in the other. Whichever side fails first stops the
 * other one. SIGPIPE must be ignored, as it is in the worker process.
 */
#ifndef VMBUILD_GUEST_FEED_H
#define VMBUILD_GUEST_FEED_H

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct guest_feed {
    int (*call)(void *context, const char *path); /* reads all of the file PATH; returns below 0 if
                                                     it fails */
    void (*cancel)(void *context); /* makes the running call fail; called from the other thread */
    void *context;
};

/* Makes the call and lets it read what PRODUCE(PRODUCER, sink) writes. *RET_RESULT is the call's
 * own result. Errors: those of PRODUCE or of the pipe; if the call fails, NULL is returned and only
 * *RET_RESULT shows it. */
[[nodiscard]] struct error *guest_feed_send(const struct guest_feed *feed,
                                            struct error *(*produce)(void *context,
                                                                     struct sink sink),
                                            void *producer, int *ret_result);

#endif
