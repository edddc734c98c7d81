using Xunit.Sdk;
using Xunit.v3;

// One device: tests in turns share neither its memory nor its time, and OpenCL drivers are not all safe to open twice at once.
[assembly: Parallelization(Mode = ParallelMode.None)]
