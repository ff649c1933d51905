/* Execute what was not there at the start. */
#define _GNU_SOURCE
#include "attack.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define TEXT "\nworked execve 0\n"
#define TEXT_BYTES 17

/* A whole program in 170 bytes: it writes TEXT and ends. */
struct tiny {
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    unsigned char code[33];
    char text[TEXT_BYTES];
} __attribute__((packed));

static const struct tiny tiny = {
    .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
             .e_type = ET_EXEC,
             .e_machine = EM_X86_64,
             .e_version = EV_CURRENT,
             .e_entry = 0x400000 + offsetof(struct tiny, code),
             .e_phoff = offsetof(struct tiny, segment),
             .e_ehsize = sizeof(Elf64_Ehdr),
             .e_phentsize = sizeof(Elf64_Phdr),
             .e_phnum = 1},
    .segment = {.p_type = PT_LOAD,
                .p_flags = PF_R | PF_X,
                .p_vaddr = 0x400000,
                .p_filesz = sizeof(struct tiny),
                .p_memsz = sizeof(struct tiny),
                .p_align = 0x1000},
    .code = {0xb8, 1, 0, 0, 0,              /* mov eax, SYS_write */
             0xbf, 1, 0, 0, 0,              /* mov edi, 1 */
             0x48, 0x8d, 0x35, 16, 0, 0, 0, /* lea rsi, text */
             0xba, TEXT_BYTES, 0, 0, 0,     /* mov edx, length */
             0x0f, 0x05,                    /* syscall */
             0xb8, 60, 0, 0, 0,             /* mov eax, SYS_exit */
             0x31, 0xff, 0x0f, 0x05},       /* xor edi, edi; syscall */
    .text = TEXT,
};

static char *const no_words[] = {"tiny", NULL};
static char *const no_environment[] = {NULL};

static char *written(void) {
    /* Executable from its birth, or else made so. */
    int fd = open(scratch("program"), O_WRONLY | O_CREAT, 0700);
    if (fd < 0) fd = scratch_file("program", O_WRONLY);
    fchmodat(AT_FDCWD, scratch("program"), 0700, 0);
    if (write(fd, &tiny, sizeof tiny) != sizeof tiny) stopped("write");
    close(fd);
    return scratch("program");
}

static void execute_file(char *argument) {
    execve(written(), no_words, no_environment);
    stopped("execve");
}

static void execute_by_descriptor(char *argument) {
    int fd = open(written(), O_RDONLY);
    syscall(SYS_execveat, fd, "", no_words, no_environment, AT_EMPTY_PATH);
    stopped("execveat");
}

static void execute_memory(char *argument) {
    int fd = memfd_create("program", 0);
    if (fd < 0) stopped("memfd_create");
    if (write(fd, &tiny, sizeof tiny) != sizeof tiny) stopped("write");
    syscall(SYS_execveat, fd, "", no_words, no_environment, AT_EMPTY_PATH);
    stopped("execveat");
}

static void execute_shell(char *path) {
    execve(path, no_words, no_environment);
    stopped("execve");
}

static void *mapped(int protection, int flags, int fd) {
    void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | flags, fd, 0);
    if (page == MAP_FAILED) stopped("mmap");
    return page;
}

static void writable_code(char *argument) {
    mapped(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_ANONYMOUS, -1);
    worked("mmap", 0);
}
static void make_executable(char *argument) {
    void *page = mapped(PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1);
    judge("mprotect", mprotect(page, 4096, PROT_READ | PROT_EXEC));
}
static void make_executable_by_key(char *argument) {
    void *page = mapped(PROT_READ | PROT_WRITE, MAP_ANONYMOUS, -1);
    judge("pkey_mprotect", syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_EXEC, -1));
}
static void map_program(char *argument) {
    mapped(PROT_READ | PROT_EXEC, 0, open(written(), O_RDONLY));
    worked("mmap", 0);
}
static void secret_memory(char *argument) { judge("memfd_secret", syscall(SYS_memfd_secret, 0)); }

const struct attack execution[] = {
    {"execute-file", execute_file},
    {"execute-by-descriptor", execute_by_descriptor},
    {"execute-memory", execute_memory},
    {"execute-shell", execute_shell},
    {"writable-code", writable_code},
    {"make-executable", make_executable},
    {"make-executable-by-key", make_executable_by_key},
    {"map-program", map_program},
    {"secret-memory", secret_memory},
    {NULL, NULL},
};
