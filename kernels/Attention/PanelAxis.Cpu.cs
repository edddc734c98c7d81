namespace DistillEngine.Kernels;

/// <summary>Which axis of a panel gives the rows of a product whose left factor it is; the other one is contracted.</summary>
enum PanelAxis : byte
{
    Rows,
    Columns,
}
