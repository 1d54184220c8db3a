/*
 * The user's terminal, for a session with a program that has it to itself: what is typed goes there
 * unchanged, Ctrl-C included, and what it writes comes out unchanged.
 *
 * terminal_take gives the terminal to this process, the worker, whose group is not in the
 * foreground otherwise; terminal_give_back returns it as it was. If the worker is killed in
 * between, the supervisor does that (terminal_recover), and if both are, the guard: a process that
 * terminal_prepare starts, which waits for nothing but their end. Neither touches the terminal
 * unless it is still as it was taken: it may be another program's by then.
 *
 * The terminal is state of the process, as there is one. All but terminal_recover are called in the
 * worker.
 */
#ifndef VMBUILD_TERMINAL_H
#define VMBUILD_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "host/lib/error.h"

/* Whether standard input and output are terminals. */
bool terminal_is_there(void);

/* Returns the terminal's kind, TERM of the environment, or "dumb"; the caller's. */
char *terminal_kind(void);

/* Starts the guard; to be called before there are other threads. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *terminal_prepare(void);

/* Takes the terminal. Errors: EXIT_OTHER, if this program is not in the foreground. */
[[nodiscard]] struct error *terminal_take(void);

/* Gives it back, if it is taken. IS_CLEAN: the program that had it has ended by itself; otherwise
 * it may have left the terminal in modes of its own, such as another screen, which are reset. */
void terminal_give_back(bool is_clean);

/* Gives the terminal back before this program is suspended, and takes it again when it goes on, if
 * it was taken before. */
void terminal_suspend(bool suspends);

/* Sets *RET_ROWS and *RET_COLUMNS to the terminal's size; 0 if it is not known. */
void terminal_size(unsigned *ret_rows, unsigned *ret_columns);

/* Returns a descriptor that is readable once the size has changed since terminal_forget_change;
 * borrowed. Valid while the terminal is taken. */
int terminal_change(void);
void terminal_forget_change(void);

/* Remembers the terminal's state, in the supervisor; below 0: there is no terminal. */
struct terminal_state {
    int fd;
    struct termios attributes;
};

void terminal_remember(struct terminal_state *ret);

/* Returns the terminal to what was remembered if GROUP, the worker's, has taken it and not given it
 * back. */
void terminal_recover(const struct terminal_state *state, pid_t group);

#endif
