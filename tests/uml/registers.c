/*
 * A program for a guest: whether the registers of programs stay what they are, while the kernel
 * takes system calls, delivers signals, and starts and traces processes. Prints "good", or what was
 * wrong.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGISTERS 12 /* that a system call leaves alone */
#define ROUNDS 20000

/* Makes the system call NUMBER with what the registers are to hold, of which it is to ignore those
 * that are its arguments. Writes what they hold afterwards to OUT. Returns the call's result. */
long call_with(long number, const unsigned long in[REGISTERS], unsigned long out[REGISTERS]);

__asm__(".globl call_with\n"
        "call_with:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdx\n"
        "mov %rdi, %rax; mov %rsi, %rcx\n"
        "mov (%rcx), %rbx; mov 8(%rcx), %rbp; mov 16(%rcx), %rdx; mov 24(%rcx), %rsi\n"
        "mov 32(%rcx), %rdi; mov 40(%rcx), %r8; mov 48(%rcx), %r9; mov 56(%rcx), %r10\n"
        "mov 64(%rcx), %r12; mov 72(%rcx), %r13; mov 80(%rcx), %r14; mov 88(%rcx), %r15\n"
        "syscall\n"
        "pop %rcx\n"
        "mov %rbx, (%rcx); mov %rbp, 8(%rcx); mov %rdx, 16(%rcx); mov %rsi, 24(%rcx)\n"
        "mov %rdi, 32(%rcx); mov %r8, 40(%rcx); mov %r9, 48(%rcx); mov %r10, 56(%rcx)\n"
        "mov %r12, 64(%rcx); mov %r13, 72(%rcx); mov %r14, 80(%rcx); mov %r15, 88(%rcx)\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n");

static __thread unsigned long own; /* found by way of a register */

__attribute__((noreturn)) static void fail(const char *what)
{
    if (write(STDOUT_FILENO, what, strlen(what)) < 0 || write(STDOUT_FILENO, "\n", 1) < 0)
        _exit(2);
    _exit(1);
}

static void fill(unsigned long registers[REGISTERS], unsigned long seed)
{
    for (int i = 0; i < REGISTERS; i++)
        registers[i] = seed = seed * 6364136223846793005u + 1442695040888963407u;
}

/* Makes the system call NUMBER, which takes no arguments. Returns its result. */
static long check(long number, unsigned long seed, const char *what)
{
    unsigned long in[REGISTERS], out[REGISTERS];

    fill(in, seed);
    long result = call_with(number, in, out);

    if (memcmp(in, out, sizeof in) != 0)
        fail(what);
    return result;
}

static void disturb(int signal)
{
    (void)signal;
    check(SYS_getppid, own + 77, "a call of a signal's handler");
}

static void *work(void *seed)
{
    own = (unsigned long)seed;
    for (unsigned long i = 0; i < ROUNDS; i++) {
        if (check(i % 3 == 0 ? SYS_sched_yield : SYS_getpid, own + i, "a thread's call") < 0)
            fail("a thread's result");
        if (own != (unsigned long)seed)
            fail("a thread's own memory");
    }
    return NULL;
}

static void test_threads(void)
{
    const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {0};
    const struct sigaction action = {.sa_handler = disturb, .sa_flags = SA_RESTART};
    pthread_t threads[3];

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (unsigned long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i * 1000003));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    setitimer(ITIMER_REAL, &never, NULL);
}

/* Whether the process PID ended well. */
static void await(pid_t pid, const char *what)
{
    int status;

    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail(what);
}

static void test_processes(void)
{
    for (unsigned long i = 0; i < 200; i++) {
        pid_t pid = (pid_t)check(SYS_fork, i, "fork");

        if (pid == 0)
            _exit(check(SYS_getpid, i, "a child's call") == getpid() ? 0 : 1);
        await(pid, "a child");
    }
}

/* A handler may change what the program goes on with. */
static void change(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_R12] = 4711;
}

static void test_context(void)
{
    const struct sigaction action = {.sa_sigaction = change, .sa_flags = SA_SIGINFO};
    unsigned long in[REGISTERS], out[REGISTERS];

    sigaction(SIGUSR1, &action, NULL);
    for (unsigned long i = 0; i < 1000; i++) {
        fill(in, i);
        in[4] = (unsigned long)getpid(); /* kill's arguments */
        in[3] = SIGUSR1;
        if (call_with(SYS_kill, in, out) != 0)
            fail("kill");
        in[8] = 4711;
        if (memcmp(in, out, sizeof in) != 0)
            fail("what a handler changes");
    }
}

/* A tracer sees all registers at a system call, and changes one that the call does not take. */
static void test_tracing(void)
{
    struct user_regs_struct registers;
    unsigned long in[REGISTERS], out[REGISTERS];
    int status;
    pid_t pid = fork();

    fill(in, 5);
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        call_with(SYS_getpid, in, out);
        in[0] = 42;
        _exit(memcmp(in, out, sizeof in) == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    do {
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, &status, 0);
        if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, pid, 0, &registers) != 0)
            fail("tracing");
    } while (registers.orig_rax != SYS_getpid || registers.r15 != in[11]);
    if (registers.rbx != in[0] || registers.rbp != in[1] || registers.r12 != in[8])
        fail("what a tracer sees");
    registers.rbx = 42;
    if (ptrace(PTRACE_SETREGS, pid, 0, &registers) != 0 || ptrace(PTRACE_CONT, pid, 0, 0) != 0)
        fail("what a tracer sets");
    await(pid, "what a tracer has changed");
}

static void test_segments(void)
{
    unsigned long fs = 0, gs = 0;

    if (syscall(SYS_arch_prctl, ARCH_SET_GS, 0x12345678) != 0 ||
        syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) != 0 || gs != 0x12345678)
        fail("GS");
    if (syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) != 0 || fs != (unsigned long)pthread_self() ||
        syscall(SYS_arch_prctl, ARCH_SET_FS, fs) != 0)
        fail("FS");
    if (syscall(SYS_arch_prctl, ARCH_SET_FS, 1ul << 62) != -1 || errno != EPERM)
        fail("an FS of the kernel's");
    if (syscall(SYS_arch_prctl, 0x7777, &fs) != -1 || errno != EINVAL)
        fail("an unknown segment");
}

int main(void)
{
    test_threads();
    test_processes();
    test_context();
    test_tracing();
    test_segments();
    puts("good");
    return 0;
}
