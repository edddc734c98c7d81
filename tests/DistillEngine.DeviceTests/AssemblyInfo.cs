using Xunit;

// One device: tests in turns share neither its memory nor its time, and OpenCL drivers are not all safe to open twice at once.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
