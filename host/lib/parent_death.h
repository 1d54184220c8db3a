/*
 * Children that a library starts and that must not outlive this program, however it ends.
 */
#ifndef VMBUILD_PARENT_DEATH_H
#define VMBUILD_PARENT_DEATH_H

#include <stdbool.h>

/* Sets whether the kernel kills each child that this thread forks from now on, and the program that
 * the child executes, when this thread ends; the thread should therefore last as long as the
 * process. Children of such a child are not bound, nor is one that is not made by fork(3). */
void parent_death_bind(bool binds);

#endif
