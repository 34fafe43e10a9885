/* SPDX-License-Identifier: Apache-2.0 */
/* Catches the signals that ask to stop. */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "exit_codes.h"

static volatile sig_atomic_t count;
static volatile sig_atomic_t last;

static void stop(int number)
{
    if (number != SIGALRM) {
        count = count + 1;
        last = number;
    }
    alarm(1);
}

void catch_signal(int number)
{
    struct sigaction action = {.sa_handler = stop};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void catch_interrupts(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before;

    catch_signal(SIGALRM);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            catch_signal(numbers[i]);
}

int interrupts(void)
{
    return count;
}

int interrupt_code(void)
{
    return CODE_SIGNAL + last;
}
