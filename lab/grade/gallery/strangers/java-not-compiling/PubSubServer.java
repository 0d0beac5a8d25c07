import java.net.*;
import java.io.*;

public class PubSubServer {
    public static void main(String[] args) throws IOException {
        ServerSocket server = new ServerSocket(Integer.parseInt(args[0]))
        System.out.println("Server on " + args[0]);
        while (true) {
            Socket s = server.accept();
            new Thread(new Worker(s)).start();
        }
    }
}
