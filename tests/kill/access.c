/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at the operands of the next instruction, and at what is mapped where they point to. */
#include "access.h"

#include <capstone/capstone.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#define INSTRUCTION_MAX 15u
#define RANGES_MAX 64u

/* What a victim shares: read anew whenever it may have changed. */
static struct {
    pid_t pid;
    unsigned count;
    struct range {
        uint64_t from, to;
    } ranges[RANGES_MAX];
} shared;

static void read_ranges(pid_t pid)
{
    char line[PATH_MAX + 100], path[40];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    if (!maps)
        abort();
    shared.pid = pid;
    shared.count = 0;
    while (fgets(line, sizeof line, maps)) {
        struct range range;
        char sharing;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*c%*c%*c%c", &range.from, &range.to, &sharing) != 3)
            abort();
        if (sharing != 's' && !strstr(line, "[vvar")) /* the clock's memory */
            continue;
        if (shared.count == RANGES_MAX)
            abort();
        shared.ranges[shared.count++] = range;
    }
    fclose(maps);
}

static bool is_shared(uint64_t from, uint64_t bytes)
{
    for (unsigned i = 0; i < shared.count; i++)
        if (from < shared.ranges[i].to && from + bytes > shared.ranges[i].from)
            return true;
    return false;
}

/* Of the registers that an address can be made of; 0 for none. The instruction pointer leads to the program's own data. */
static uint64_t value_of(const struct user_regs_struct *registers, x86_reg which)
{
    switch ((int)which) {
    case X86_REG_RAX:
        return registers->rax;
    case X86_REG_RBX:
        return registers->rbx;
    case X86_REG_RCX:
        return registers->rcx;
    case X86_REG_RDX:
        return registers->rdx;
    case X86_REG_RSI:
        return registers->rsi;
    case X86_REG_RDI:
        return registers->rdi;
    case X86_REG_RBP:
        return registers->rbp;
    case X86_REG_RSP:
        return registers->rsp;
    case X86_REG_R8:
        return registers->r8;
    case X86_REG_R9:
        return registers->r9;
    case X86_REG_R10:
        return registers->r10;
    case X86_REG_R11:
        return registers->r11;
    case X86_REG_R12:
        return registers->r12;
    case X86_REG_R13:
        return registers->r13;
    case X86_REG_R14:
        return registers->r14;
    case X86_REG_R15:
        return registers->r15;
    default:
        return 0;
    }
}

static bool touches_shared(const cs_insn *instruction, const struct user_regs_struct *registers)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    if (instruction->id == X86_INS_LEA || instruction->id == X86_INS_NOP ||
        instruction->id == X86_INS_PREFETCHW)
        return false;
    for (unsigned i = 0; i < x86->op_count; i++) {
        const x86_op_mem *at = &x86->operands[i].mem;
        if (x86->operands[i].type != X86_OP_MEM)
            continue;
        uint64_t index = value_of(registers, at->index) * (uint64_t)at->scale;
        if (is_shared(value_of(registers, at->base) + index + (uint64_t)at->disp, x86->operands[i].size))
            return true;
    }
    return false;
}

bool access_is_next(const struct victim *victim)
{
    static csh decoder;
    static cs_insn *instruction;
    struct user_regs_struct registers;
    long number;
    if (victim_at_system_call(victim, &number))
        return true;
    if (!instruction) {
        if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder) || cs_option(decoder, CS_OPT_DETAIL, CS_OPT_ON))
            abort();
        instruction = cs_malloc(decoder);
    }
    if (shared.pid != victim->pid || victim->in_system_call)
        read_ranges(victim->pid);
    if (ptrace(PTRACE_GETREGS, victim->pid, NULL, &registers))
        abort();
    uint64_t address = registers.rip;
    /* The victim was forked from this process: its code lies here at the same addresses. */
    const uint8_t *code = (const uint8_t *)address;
    size_t size = INSTRUCTION_MAX;
    if (!cs_disasm_iter(decoder, &code, &size, &address, instruction))
        return true; /* unknown: it might */
    return touches_shared(instruction, &registers);
}

bool access_step_to(struct victim *victim, uint64_t others)
{
    while (victim->state == VICTIM_RUNNING && (!access_is_next(victim) || others--))
        (void)victim_step(victim);
    return victim->state == VICTIM_RUNNING;
}
