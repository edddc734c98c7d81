using DistillEngine.Core;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Writes the machine code of products with <see cref="PackedWeight"/>, for AVX-512 with dot products of bfloat16 pairs or of four bytes
/// (VNNI): some rows of inputs by one group of 32 outputs, along all inputs, with all sums in registers. A step loads two vectors of weights
/// and broadcasts a word a row; the scales are applied when the sums are stored. Bound: memory for few rows, arithmetic for many.
/// </summary>
/// <remarks>
/// int8 and int4: weights are unsigned (128 or 8 too large) and inputs signed bytes, as the instruction wants them; sums begin at minus what
/// the excess amounts to, so they are exact. A row's bits depend neither on the other rows nor on their number.
/// </remarks>
sealed class PackedTileEmitter
{
    // Steps in an iteration: the loop's own instructions weigh nothing beside them.
    const int Unroll = 4;

    // Steps of four inputs in a block of int4, two of which lie in one word of weights.
    const int BlockSteps = PackedWeight.BlockInputs / 4;

    const int VectorBytes = 64, StepBytes = 2 * VectorBytes;

    // All are free to change under the conventions of every system, and so are the vector registers 0 to 5 and 16 to 31.
    const Register Call = Register.RAX, X = Register.R8, W = Register.R9, Ahead = Register.R10, Next = Register.R11, Count = Register.RCX, Other = Register.RDX;

    const int FirstSum = 16;

    readonly Assembler _code = new(64);
    readonly WeightForm _form;
    readonly int _rows;

    PackedTileEmitter(WeightForm form, int rows) => (_form, _rows) = (form, rows);

    /// <summary>Rows whose sums fit into the registers; int4 has two sums an element, within a block and over the blocks.</summary>
    public static int MaxRows(WeightForm form) => form == WeightForm.Int4 ? 4 : 8;

    /// <summary>The code of a routine that takes a pointer to a <see cref="PackedTileCall"/>.</summary>
    /// <param name="form">Not float32.</param>
    /// <param name="rows">1 … <see cref="MaxRows"/>.</param>
    /// <param name="windows">Whether the caller follows the convention of Windows.</param>
    public static byte[] Emit(WeightForm form, int rows, bool windows) => new PackedTileEmitter(form, rows).Emit(windows);

    byte[] Emit(bool windows)
    {
        _code.mov(rax, windows ? rcx : rdi);
        LoadArgument(X, PackedTileCall.AtX);
        LoadArgument(W, PackedTileCall.AtW);
        LoadArgument(Count, PackedTileCall.AtSteps);
        LoadArgument(Next, PackedTileCall.AtNext);
        LoadArgument(Ahead, PackedTileCall.AtAhead);
        BeginSums();
        if (_form == WeightForm.Int4) LoopOverBlocks();
        else LoopOverSteps();
        Finish();
        var stream = new MemoryStream();
        _code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    void BeginSums()
    {
        if (_form == WeightForm.Int8)
        {
            // The scales lie apart from the weights; by the time they are needed they have come.
            LoadArgument(Other, PackedTileCall.AtScales);
            for (int v = 0; v < 2; v++) Put(Instruction.Create(Code.Prefetcht0_m8, At(Other, v * VectorBytes)));
            LoadArgument(Other, PackedTileCall.AtOffsets);
            BroadcastOffsets(FirstSum);
            return;
        }
        for (int i = 0; i < 2 * _rows; i++) Put(Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Vector(FirstSum + i), Vector(FirstSum + i), Vector(FirstSum + i)));
        if (_form != WeightForm.Int4) return;
        _code.mov(edx, 0x0F0F0F0F);
        _code.vmovd(xmm5, edx);
        Put(Instruction.Create(Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32, NibbleMask, Register.XMM5));
    }

    /// <summary>Both sums of every row from the register on begin with the row's offset.</summary>
    void BroadcastOffsets(int first)
    {
        for (int row = 0; row < _rows; row++)
            for (int v = 0; v < 2; v++) Broadcast(Vector(first + 2 * row + v), Other, row * sizeof(int));
    }

    void LoopOverSteps() => UnrolledLoop.Emit(_code, Unroll, Step, () => Step(0), steps => Advance(steps, steps));

    void Step(int step)
    {
        Fetch();
        for (int v = 0; v < 2; v++) Load(Vector(v), W, step * StepBytes + v * VectorBytes);
        Multiply(step, firstWeights: 0, FirstSum, inputs: 2, inputCount: 4);
    }

    void LoopOverBlocks()
    {
        // Sums within a block lie behind those over the blocks.
        int blockSums = FirstSum + 2 * _rows;
        Label block = _code.CreateLabel();
        _code.Label(ref block);
        LoadArgument(Other, PackedTileCall.AtOffsets);
        BroadcastOffsets(blockSums);
        _code.add(Argument(PackedTileCall.AtOffsets), _rows * sizeof(int));
        for (int step = 0; step < BlockSteps; step += 2)
        {
            Fetch();
            for (int v = 0; v < 2; v++)
            {
                Load(Vector(2 + v), W, step / 2 * StepBytes + v * VectorBytes);
                Put(Instruction.Create(Code.EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32, Vector(v), Vector(2 + v), NibbleMask));
                Put(Instruction.Create(Code.EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8, Vector(2 + v), Vector(2 + v), 4));
                Put(Instruction.Create(Code.EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32, Vector(2 + v), Vector(2 + v), NibbleMask));
            }
            Multiply(step, firstWeights: 0, blockSums, inputs: 4, inputCount: 1);
            Multiply(step + 1, firstWeights: 2, blockSums, inputs: 4, inputCount: 1);
        }
        LoadArgument(Other, PackedTileCall.AtScales);
        for (int v = 0; v < 2; v++)
        {
            Put(Instruction.Create(Code.EVEX_Vpmovzxwd_zmm_k1z_ymmm256, Vector(v), At(Other, v * VectorBytes / 2)));
            Put(Instruction.Create(Code.EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8, Vector(v), Vector(v), 16));
        }
        _code.add(Argument(PackedTileCall.AtScales), PackedWeight.GroupOutputs * sizeof(ushort));
        for (int i = 0; i < 2 * _rows; i++)
        {
            Put(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, Vector(blockSums + i), Vector(blockSums + i)));
            Put(Instruction.Create(Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Vector(FirstSum + i), Vector(blockSums + i), Vector(i % 2)));
        }
        Advance(BlockSteps, BlockSteps / 2);
        _code.dec(rcx);
        _code.jnz(block);
    }

    /// <summary>Starts two reads ahead: the processor's own prefetch stops at the end of every page.</summary>
    void Fetch()
    {
        Put(Instruction.Create(Code.Prefetcht0_m8, At(Next, 0)));
        Put(Instruction.Create(Code.Prefetcht0_m8, new MemoryOperand(Next, Ahead)));
        Put(Instruction.Create(Code.Lea_r64_m, Next, new MemoryOperand(Next, Ahead, 2)));
    }

    /// <summary>sums += weights · inputs for every row, whose broadcast words take turns in some registers.</summary>
    void Multiply(int step, int firstWeights, int firstSum, int inputs, int inputCount)
    {
        Code code = _form == WeightForm.BF16 ? Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32 : Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32;
        for (int row = 0; row < _rows; row++)
        {
            Register word = Vector(inputs + row % inputCount);
            Broadcast(word, X, (step * _rows + row) * sizeof(int));
            for (int v = 0; v < 2; v++) Put(Instruction.Create(code, Vector(firstSum + 2 * row + v), Vector(firstWeights + v), word));
        }
    }

    void Advance(int inputSteps, int weightSteps)
    {
        Put(Instruction.Create(Code.Add_rm64_imm32, X, inputSteps * _rows * sizeof(int)));
        Put(Instruction.Create(Code.Add_rm64_imm32, W, weightSteps * StepBytes));
    }

    void Finish()
    {
        Label add = _code.CreateLabel();
        // The pointers of the loop are used up.
        Register y = W, stride = Ahead, rowScales = X;
        LoadArgument(y, PackedTileCall.AtY);
        LoadArgument(stride, PackedTileCall.AtStrideBytes);
        LoadArgument(rowScales, PackedTileCall.AtRowScales);
        for (int v = 0; v < 2; v++) Put(Instruction.Create(Code.VEX_Kmovw_kr_km16, Register.K1 + v, At(Call, PackedTileCall.AtMasks + v * sizeof(ushort))));
        if (_form == WeightForm.Int8)
        {
            LoadArgument(Other, PackedTileCall.AtScales);
            for (int v = 0; v < 2; v++) Load(Vector(v), Other, v * VectorBytes);
        }
        for (int row = 0; row < _rows; row++) Scale(row, rowScales);
        _code.cmp(Argument(PackedTileCall.AtAdd), 0);
        _code.jne(add);
        Store(y, stride, adds: false);
        _code.Label(ref add);
        Store(y, stride, adds: true);
    }

    void Scale(int row, Register rowScales)
    {
        if (_form == WeightForm.BF16) return;
        Broadcast(Vector(2), rowScales, row * sizeof(float));
        for (int v = 0; v < 2; v++)
        {
            Register sum = Sum(row, v), factor = Vector(2);
            if (_form == WeightForm.Int8)
            {
                factor = Vector(3);
                Put(Instruction.Create(Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, factor, Vector(2), Vector(v)));
                Put(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, sum, sum));
            }
            Put(Instruction.Create(Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, sum, sum, factor));
        }
    }

    void Store(Register y, Register stride, bool adds)
    {
        for (int row = 0; row < _rows; row++)
        {
            for (int v = 0; v < 2; v++)
            {
                MemoryOperand place = At(y, v * VectorBytes);
                if (adds)
                {
                    Instruction load = Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, Vector(2), place);
                    (load.OpMask, load.ZeroingMasking) = (Register.K1 + v, true);
                    Put(load);
                    Put(Instruction.Create(Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, Sum(row, v), Sum(row, v), Vector(2)));
                }
                Instruction store = Instruction.Create(Code.EVEX_Vmovups_zmmm512_k1z_zmm, place, Sum(row, v));
                store.OpMask = Register.K1 + v;
                Put(store);
            }
            if (row + 1 < _rows) Put(Instruction.Create(Code.Add_rm64_r64, y, stride));
        }
        // Else SSE code that runs next would wait for the upper halves at every instruction.
        _code.vzeroupper();
        _code.ret();
    }

    static Register NibbleMask => Register.ZMM5;

    static Register Vector(int number) => Register.ZMM0 + number;

    static Register Sum(int row, int vector) => Vector(FirstSum + 2 * row + vector);

    void Load(Register to, Register address, int offset) => Put(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, to, At(address, offset)));

    void Broadcast(Register to, Register address, int offset) => Put(Instruction.Create(Code.EVEX_Vpbroadcastd_zmm_k1z_xmmm32, to, At(address, offset)));

    void LoadArgument(Register register, int field) => Put(Instruction.Create(Code.Mov_r64_rm64, register, At(Call, field)));

    static AssemblerMemoryOperand Argument(int field) => __qword_ptr[rax + field];

    static MemoryOperand At(Register address, int offset) => new(address, offset);

    void Put(in Instruction instruction) => _code.AddInstruction(instruction);
}
