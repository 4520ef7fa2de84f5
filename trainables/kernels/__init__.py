"""What an accelerator does in one launch where torch's own operations need many: noise, samples and their
gradients, and the optimiser's update.

Each is an operator of torch (torch.library), so that it can be captured, traced and compiled with what stands
around it. On every device it has a formula of torch's own operations, made of what the CPU trains with; on
CUDA a Triton kernel takes its place where triton is installed. The formula is the kernel's oracle in the
tests. Triton is imported when the first kernel is launched on a GPU, and not before.
"""
