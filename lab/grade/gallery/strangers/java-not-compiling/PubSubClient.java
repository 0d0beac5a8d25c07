import java.net.*;
import java.io.*;
import java.util.Scanner;

public class PubSubClient {
    public static void main(String[] args) throws IOException {
        Socket s = new Socket(args[0], Integer.parseInt(args[1]));
        PrintWriter out = new PrintWriter(s.getOutputStream(), true);
        out.println(args[2]);
        Scanner in = new Scanner(System.in);
        while (in.hasNextLine()) out.println(in.nextLine());
    }
}
