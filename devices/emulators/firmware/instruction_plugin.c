/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin of QEMU's that counts instructions and writes the count to the file "marks" at each call of MARK.
 *
 * QEMU's packages bring no header for plugins. These are its declarations, which versions 1 and 2 of the interface share.
 */
#include <stdint.h>
#include <stdio.h>

#define MARK 0xED6E /* as in linux.c */

struct qemu_plugin_tb;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*callback)(uint64_t id, struct qemu_plugin_tb *block));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*callback)(unsigned int cpu, void *data),
                                          int flags, void *data);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, void (*callback)(uint64_t id, unsigned int cpu, int64_t number,
                                                                        uint64_t, uint64_t, uint64_t, uint64_t,
                                                                        uint64_t, uint64_t, uint64_t, uint64_t));

int qemu_plugin_version = VERSION; /* given on the compiler's command line */

static uint64_t executed;
static FILE *marks;

static void on_execution(unsigned int cpu, void *instructions) {
    (void)cpu;
    executed += (uintptr_t)instructions;
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, on_execution, 0, (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

/* A system call ends its block, so every instruction of it was executed. */
static void on_system_call(uint64_t id, unsigned int cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c,
                           uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number == MARK) {
        if (marks == NULL) {
            marks = fopen("marks", "w");
        }
        if (marks != NULL) {
            fprintf(marks, "%llu\n", (unsigned long long)executed);
            fflush(marks);
        }
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
