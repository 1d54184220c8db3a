#include "host/vm/qemu_process.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/memory.h"

#define DEPTH_MAX 8 /* of processes that are started by one another */

/* Opens the list of the children of THREAD of the process PID, the oldest first: numbers with a
 * space after each (proc(5)). */
static FILE *open_children(pid_t pid, pid_t thread)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, thread);
    return fopen(path, "re");
}

pid_t qemu_process_child(pid_t thread)
{
    FILE *list = open_children(getpid(), thread);
    int child = 0, next;

    if (list == NULL)
        return 0;
    while (fscanf(list, "%d", &next) == 1)
        child = next;
    fclose(list);
    return child;
}

/* Returns the letter of the state (proc(5)) of THREAD of the process PID; 'X' if it has ended. */
static char thread_state(pid_t pid, const char *thread)
{
    char path[64], text[128] = "";

    snprintf(path, sizeof path, "/proc/%d/task/%.16s/stat", pid, thread);
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 'X';
    size_t length = fread(text, 1, sizeof text - 1, file);

    fclose(file);
    text[length] = '\0';
    /* The state follows the name, in parentheses, which may contain anything. */
    const char *end = strrchr(text, ')');

    return end == NULL || end[1] != ' ' ? 'X' : end[2];
}

static bool rests(pid_t pid)
{
    char path[64];
    bool all_sleep = true;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = opendir(path);

    if (threads == NULL)
        return true;
    for (struct dirent *entry; all_sleep && (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.')
            all_sleep = strchr("SIZX", thread_state(pid, entry->d_name)) != NULL;
    closedir(threads);
    return all_sleep;
}

struct qemu_activity qemu_process_look(pid_t pid)
{
    struct qemu_activity activity = {.pid = pid, .rests = true};
    struct timespec used;
    clockid_t clock;

    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return activity;
    activity.cpu_ns = used.tv_sec * INT64_C(1000000000) + used.tv_nsec;
    activity.rests = rests(pid);
    return activity;
}

static void list_children(pid_t pid, pid_t thread, int depth, struct strings *ret)
{
    FILE *list = open_children(pid, thread);
    int child;

    if (list == NULL)
        return;
    while (fscanf(list, "%d", &child) == 1) {
        strings_take(ret, xasprintf("/proc/%d", child));
        if (depth < DEPTH_MAX)
            list_children(child, child, depth + 1, ret);
    }
    fclose(list);
}

void qemu_process_folders(pid_t pid, pid_t thread, struct strings *ret)
{
    list_children(pid, thread, 1, ret);
}

/* Skips the children in LIST as far as AFTER; none if that is not among them. */
static void skip_children(FILE *list, pid_t after)
{
    int child;

    while (fscanf(list, "%d", &child) == 1)
        if (child == after)
            return;
    rewind(list);
}

static void kill_children(pid_t pid, pid_t thread, pid_t after, int depth)
{
    FILE *list = open_children(pid, thread);
    int child;

    if (list == NULL)
        return;
    if (after > 0)
        skip_children(list, after);
    while (fscanf(list, "%d", &child) == 1) {
        /* Stopped first: one that was killed no longer has children, and one that runs makes more.
         */
        kill(child, SIGSTOP);
        if (depth < DEPTH_MAX)
            kill_children(child, child, 0, depth + 1);
        kill(child, SIGKILL);
    }
    fclose(list);
}

void qemu_process_kill_children(pid_t pid, pid_t thread, pid_t after)
{
    kill_children(pid, thread, after, 1);
}
