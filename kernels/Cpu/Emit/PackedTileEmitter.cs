using DistillEngine.Core;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Writes the machine code of products with <see cref="PackedWeight"/>: some rows of inputs by two or four vectors of outputs of a group, along all
/// inputs, with all sums in registers. A step loads the vectors of weights and broadcasts a word a row; the scales are applied when the sums are stored.
/// Bound: memory for few rows, arithmetic for many.
/// </summary>
/// <remarks>
/// int8 and int4: weights are unsigned (128 or 8 too large) and inputs signed bytes, as the dot product of bytes wants them; sums begin at minus what
/// the excess amounts to, so they are exact. Without that instruction both bytes of int8 are widened to pairs of int16, whose dot products are as exact
/// (those of bytes would saturate), while int4 has sums of pairs in int16, which hold a block's. bfloat16 without dot products is multiplied as float32,
/// input by input in order.
/// A row's bits depend neither on the other rows nor on their number.
/// </remarks>
sealed partial class PackedTileEmitter
{
    // Steps in an iteration: the loop's own instructions weigh nothing beside them.
    const int Unroll = 4;

    // Steps of four inputs in a block of int4, two of which lie in one word of weights.
    const int BlockSteps = PackedWeight.BlockInputs / 4;

    // From a step's weights to the next: those of the whole group.
    const int StepBytes = PackedWeight.GroupOutputs * 4;

    // All are free to change under the conventions of every system, and so are the vector registers 0 to 5 and 16 to 31.
    const Register Call = Register.RAX, X = Register.R8, W = Register.R9, Ahead = Register.R10, Next = Register.R11, Count = Register.RCX, Other = Register.RDX;

    // Where weights are widened: behind two times two vectors of them, what the inputs' words and the products take turns in, and the mask.
    const int WidenedInput = 4, Mask = 5, WidenedProduct = 6;

    // Where vectors of weights come one at a time and each is made two: the words of inputs for both.
    const int PairedInputs = 6;

    readonly Assembler _code = new(64);
    readonly PackedTileFormat _format;
    readonly int _rows;
    readonly bool _windows;

    PackedTileEmitter(PackedTileFormat format, int rows, bool windows) => (_format, _rows, _windows) = (format, rows, windows);

    /// <summary>The code of a routine that takes a pointer to a <see cref="PackedTileCall"/>.</summary>
    /// <param name="rows">1 … <see cref="PackedTileFormat.MaxRows"/>.</param>
    /// <param name="windows">Whether the caller follows the convention of Windows.</param>
    public static byte[] Emit(PackedTileFormat format, int rows, bool windows) => new PackedTileEmitter(format, rows, windows).Emit();

    byte[] Emit()
    {
        _code.mov(rax, _windows ? rcx : rdi);
        if (SavesRegisters) SavedVectors.Save(_code);
        LoadArgument(X, PackedTileCall.AtX);
        LoadArgument(W, PackedTileCall.AtW);
        LoadArgument(Count, PackedTileCall.AtSteps);
        LoadArgument(Next, PackedTileCall.AtNext);
        LoadArgument(Ahead, PackedTileCall.AtAhead);
        BeginSums();
        if (_format.Form == WeightForm.Int4) LoopOverBlocks();
        else LoopOverSteps();
        Finish();
        var stream = new MemoryStream();
        _code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    bool SavesRegisters => _windows && (!_format.HasMaskRegisters || _format.FirstSum < 16);

    void BeginSums()
    {
        // What of a word of weights is taken at a time.
        int? mask = _format.Form switch
        {
            WeightForm.Int4 => 0x0F0F_0F0F,
            WeightForm.Int8 => _format.Widens ? 0x00FF_00FF : null,
            _ => _format.Widens ? unchecked((int)0xFFFF_0000) : null,
        };
        if (mask is { } bits)
        {
            _code.mov(edx, bits);
            _code.vmovd(xmm5, edx);
            Put(Instruction.Create(_format.Broadcast, Vector(Mask), Register.XMM5));
        }
        if (_format.Form == WeightForm.Int8)
        {
            // The scales lie apart from the weights; by the time they are needed they have come.
            LoadArgument(Other, PackedTileCall.AtScales);
            for (int v = 0; v < _format.Vectors; v++) Put(Instruction.Create(Code.Prefetcht0_m8, At(Other, v * _format.VectorBytes)));
            LoadArgument(Other, PackedTileCall.AtOffsets);
            BroadcastOffsets(_format.FirstSum);
            return;
        }
        for (int i = 0; i < _format.Vectors * _rows; i++) Zero(Vector(_format.FirstSum + i));
    }

    /// <summary>All sums of every row from the register on begin with the row's offset.</summary>
    void BroadcastOffsets(int first)
    {
        for (int row = 0; row < _rows; row++)
            for (int v = 0; v < _format.Vectors; v++) Broadcast(Vector(first + _format.Vectors * row + v), Other, row * sizeof(int));
    }

    void LoopOverSteps() => UnrolledLoop.Emit(_code, Unroll, Step, () => Step(0), steps => Advance(steps, steps));

    void Step(int step)
    {
        Fetch();
        if (_format.Vectors > 2)
        {
            if (_format.Widens) MultiplyWidenedByVectors(step);
            else MultiplyByVectors(step);
            return;
        }
        for (int v = 0; v < 2; v++)
        {
            var (lower, upper) = Widened(v);
            if (_format.Widens) LoadWidened(step, v, lower, upper);
            else LoadWeights(step, v, Vector(v));
        }
        if (_format.Widens) MultiplyWidened(step, _format.FirstSum);
        else Multiply(step, firstWeights: 0, _format.FirstSum, inputs: 2);
    }

    void LoopOverBlocks()
    {
        // Sums within a block lie behind those over the blocks.
        int sums = _format.Vectors * _rows, blockSums = _format.FirstSum + sums;
        Label block = _code.CreateLabel();
        _code.Label(ref block);
        if (_format.SumsPairs)
            for (int i = 0; i < sums; i++) Zero(Vector(blockSums + i));
        else
        {
            LoadArgument(Other, PackedTileCall.AtOffsets);
            BroadcastOffsets(blockSums);
        }
        for (int step = 0; step < BlockSteps; step += 2)
        {
            Fetch();
            if (_format.Vectors > 2) MultiplyNibblesByVectors(step, blockSums);
            else MultiplyNibbles(step, blockSums);
        }
        if (_format.SumsPairs) AddPairs(blockSums);
        _code.add(Argument(PackedTileCall.AtOffsets), _rows * sizeof(int));
        LoadArgument(Other, PackedTileCall.AtScales);
        for (int v = 0; v < _format.Vectors; v++)
        {
            Register scales = Vector(v % 2);
            Put(Instruction.Create(_format.WidenWords, scales, At(Other, v * _format.VectorBytes / 2)));
            Put(Instruction.Create(_format.ShiftLeft, scales, scales, 16));
            for (int i = v; i < sums; i += _format.Vectors)
            {
                Put(Instruction.Create(_format.ToFloat, Vector(blockSums + i), Vector(blockSums + i)));
                Put(Instruction.Create(_format.MultiplyAdd, Vector(_format.FirstSum + i), Vector(blockSums + i), scales));
            }
        }
        _code.add(Argument(PackedTileCall.AtScales), PackedWeight.GroupOutputs * sizeof(ushort));
        Advance(BlockSteps, BlockSteps / 2);
        _code.dec(rcx);
        _code.jnz(block);
    }

    /// <summary>Sums of pairs become sums of all, and the rows' offsets are added.</summary>
    void AddPairs(int blockSums)
    {
        Register ones = Vector(1), offset = Vector(2);
        Put(Instruction.Create(Code.VEX_Vpcmpeqd_ymm_ymm_ymmm256, ones, ones, ones));
        Put(Instruction.Create(Code.VEX_Vpsrlw_ymm_ymm_imm8, ones, ones, 15));
        LoadArgument(Other, PackedTileCall.AtOffsets);
        for (int row = 0; row < _rows; row++)
        {
            Broadcast(offset, Other, row * sizeof(int));
            for (int v = 0; v < _format.Vectors; v++)
            {
                Register sum = Vector(blockSums + _format.Vectors * row + v);
                Put(Instruction.Create(Code.VEX_Vpmaddwd_ymm_ymm_ymmm256, sum, sum, ones));
                Put(Instruction.Create(Code.VEX_Vpaddd_ymm_ymm_ymmm256, sum, sum, offset));
            }
        }
    }

    void MultiplyNibbles(int step, int blockSums)
    {
        for (int v = 0; v < 2; v++) LoadNibbles(step, v, Vector(v), Vector(2 + v));
        Multiply(step, firstWeights: 0, blockSums, inputs: 4);
        Multiply(step + 1, firstWeights: 2, blockSums, inputs: 4);
    }

    /// <summary>The same of one row with the vectors of weights one after the other.</summary>
    void MultiplyNibblesByVectors(int step, int blockSums)
    {
        BroadcastPair(step);
        for (int v = 0; v < _format.Vectors; v++)
        {
            LoadNibbles(step, v, Vector(0), Vector(1));
            for (int half = 0; half < 2; half++) AddDot(Vector(blockSums + v), Vector(half), Vector(PairedInputs + half), Vector(2 + half));
        }
    }

    /// <summary>Starts two reads ahead: the processor's own prefetch stops at the end of every page.</summary>
    void Fetch()
    {
        Put(Instruction.Create(Code.Prefetcht0_m8, At(Next, 0)));
        Put(Instruction.Create(Code.Prefetcht0_m8, new MemoryOperand(Next, Ahead)));
        Put(Instruction.Create(Code.Lea_r64_m, Next, new MemoryOperand(Next, Ahead, 2)));
    }

    /// <summary>sums += weights · inputs for every row, whose broadcast words take turns in some registers.</summary>
    void Multiply(int step, int firstWeights, int firstSum, int inputs)
    {
        for (int row = 0; row < _rows; row++)
        {
            Register word = Vector(inputs + row % _format.InputRegisters);
            Broadcast(word, X, (step * _rows + row) * sizeof(int));
            for (int v = 0; v < 2; v++) AddDot(Vector(firstSum + 2 * row + v), Vector(firstWeights + v), word, Vector(WidenedProduct + v));
        }
    }

    /// <summary>sum += weights · inputs, by lanes.</summary>
    /// <param name="product">What the products of pairs pass through.</param>
    void AddDot(Register sum, Register weights, Register inputs, Register product)
    {
        if (!_format.SumsPairs)
        {
            Put(Instruction.Create(_format.Dot, sum, weights, inputs));
            return;
        }
        Put(Instruction.Create(_format.Dot, product, weights, inputs));
        Put(Instruction.Create(Code.VEX_Vpaddw_ymm_ymm_ymmm256, sum, sum, product));
    }

    /// <summary>The same with the words of all rows in registers, and the weights one vector after the other.</summary>
    void MultiplyByVectors(int step)
    {
        for (int row = 0; row < _rows; row++) Broadcast(Vector(row), X, (step * _rows + row) * sizeof(int));
        Register weights = Vector(_format.InputRegisters);
        for (int v = 0; v < _format.Vectors; v++)
        {
            LoadWeights(step, v, weights);
            for (int row = 0; row < _rows; row++) Put(Instruction.Create(_format.Dot, Sum(row, v), weights, Vector(row)));
        }
    }

    /// <summary>The same of one row with widened weights.</summary>
    void MultiplyWidenedByVectors(int step)
    {
        BroadcastPair(2 * step);
        for (int v = 0; v < _format.Vectors; v++)
        {
            LoadWidened(step, v, Vector(0), Vector(1));
            MultiplyPair(Sum(0, v), v);
        }
    }

    /// <summary>Two words of the only row's inputs.</summary>
    void BroadcastPair(int word)
    {
        for (int part = 0; part < 2; part++) Broadcast(Vector(PairedInputs + part), X, (word + part) * sizeof(int));
    }

    /// <summary>The sum of a vector and both parts of its weights.</summary>
    void MultiplyPair(Register sum, int vector)
    {
        for (int part = 0; part < 2; part++) AddWidened(sum, Vector(part), Vector(PairedInputs + part), Vector(2 + vector % 2));
    }

    /// <summary>The same with the two parts of widened weights and two words of inputs.</summary>
    void MultiplyWidened(int step, int firstSum)
    {
        for (int row = 0; row < _rows; row++)
            for (int part = 0; part < 2; part++)
            {
                Broadcast(Vector(WidenedInput), X, ((step * _rows + row) * 2 + part) * sizeof(int));
                for (int v = 0; v < 2; v++)
                {
                    var (lower, upper) = Widened(v);
                    AddWidened(Vector(firstSum + 2 * row + v), part == 0 ? lower : upper, Vector(WidenedInput), Vector(WidenedProduct + v));
                }
            }
    }

    /// <summary>sum += weights · inputs, in float32 or of pairs of int16 by way of their product.</summary>
    void AddWidened(Register sum, Register weights, Register inputs, Register product)
    {
        if (_format.Form == WeightForm.BF16)
        {
            Put(Instruction.Create(_format.MultiplyAdd, sum, inputs, weights));
            return;
        }
        Put(Instruction.Create(Code.VEX_Vpmaddwd_ymm_ymm_ymmm256, product, weights, inputs));
        Put(Instruction.Create(Code.VEX_Vpaddd_ymm_ymm_ymmm256, sum, sum, product));
    }

    void LoadWeights(int step, int vector, Register to) => Load(to, W, step * StepBytes + vector * _format.VectorBytes);

    /// <summary>Widens a vector of weights: bfloat16 to float32, the first and the second of each word; bytes to int16, the even and the odd ones.</summary>
    void LoadWidened(int step, int vector, Register lower, Register upper)
    {
        LoadWeights(step, vector, upper);
        if (_format.Form == WeightForm.BF16)
        {
            Put(Instruction.Create(_format.ShiftLeft, lower, upper, 16));
            Put(Instruction.Create(_format.And, upper, upper, Vector(Mask)));
            return;
        }
        Put(Instruction.Create(_format.And, lower, upper, Vector(Mask)));
        Put(Instruction.Create(Code.VEX_Vpsrlw_ymm_ymm_imm8, upper, upper, 8));
    }

    /// <summary>The lower halves of all bytes are one step, the upper ones the next.</summary>
    void LoadNibbles(int step, int vector, Register first, Register second)
    {
        LoadWeights(step / 2, vector, second);
        Put(Instruction.Create(_format.And, first, second, Vector(Mask)));
        Put(Instruction.Create(_format.ShiftRight, second, second, 4));
        Put(Instruction.Create(_format.And, second, second, Vector(Mask)));
    }

    /// <summary>Where the first and the second part of a vector's widened weights lie.</summary>
    (Register Lower, Register Upper) Widened(int vector) => (Vector(2 * vector), Vector(2 * vector + 1));

    void Advance(int inputSteps, int weightSteps)
    {
        Put(Instruction.Create(Code.Add_rm64_imm32, X, inputSteps * _rows * _format.InputWords * sizeof(int)));
        Put(Instruction.Create(Code.Add_rm64_imm32, W, weightSteps * StepBytes));
    }

    Register Vector(int number) => _format.FirstRegister + number;

    Register Sum(int row, int vector) => Vector(_format.FirstSum + _format.Vectors * row + vector);

    void Zero(Register vector) => Put(Instruction.Create(_format.Xor, vector, vector, vector));

    void Load(Register to, Register address, int offset) => Put(Instruction.Create(_format.Load, to, At(address, offset)));

    void Broadcast(Register to, Register address, int offset) => Put(Instruction.Create(_format.Broadcast, to, At(address, offset)));

    void LoadArgument(Register register, int field) => Put(Instruction.Create(Code.Mov_r64_rm64, register, At(Call, field)));

    static AssemblerMemoryOperand Argument(int field) => __qword_ptr[rax + field];

    static MemoryOperand At(Register address, int offset) => new(address, offset);

    void Put(in Instruction instruction) => _code.AddInstruction(instruction);
}
