/* A stand-in for libnvidia-ml.so.1: answers what is asked of NVML as a machine with two GPUs would. Built by the test. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef INIT
#define INIT 0
#endif
#ifndef COUNT
#define COUNT 2
#endif

int nvmlInit_v2(void) {
#ifdef HANG
    sleep(60);
#endif
    return INIT;
}
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "%s", "535.104.05");
    return 0;
}
int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = 12020;
    return 0;
}
int nvmlSystemGetCudaDriverVersion(int *version) { return nvmlSystemGetCudaDriverVersion_v2(version); }
int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = COUNT;
    return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    static int devices[COUNT + 1];
#ifdef LOST
    return 15; /* NVML_ERROR_GPU_IS_LOST */
#endif
    *device = &devices[index];
    devices[index] = (int)index;
    return 0;
}
int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    snprintf(name, length, "%s", *(int *)device == 0 ? "NVIDIA A100-SXM4-80GB" : "Tesla T4");
    return 0;
}
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    *major = *(int *)device == 0 ? 8 : 7;
    *minor = *(int *)device == 0 ? 0 : 5;
    return 0;
}
